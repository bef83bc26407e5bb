import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe, formatProblem } from '../../../src/config/problem.ts';

test('a problem names file, line, key and what was expected', () => {
  const message = 'expected 1, got 2';
  assert.equal(
    formatProblem({ file: 'etc/x.yaml', line: 3, key: 'a.b', message }),
    'etc/x.yaml:3: a.b: expected 1, got 2',
  );
  assert.equal(formatProblem({ file: 'etc/x.yaml', key: '', message }), 'etc/x.yaml: expected 1, got 2');
  assert.equal(formatProblem({ key: 'a', message }), 'a: expected 1, got 2');
});

test('or the option', () => {
  assert.equal(formatProblem({ option: 'a.b', key: 'a.b', message: 'm' }), '--set a.b: m');
  assert.equal(formatProblem({ option: 'a', key: 'a.b', message: 'm' }), '--set a: a.b: m');
});

test('a report is one line, whatever was in the file', () => {
  const line = formatProblem({ file: 'x', line: 1, key: 'a\nb\x1b[31m', message: 'got "\u202e"' });
  // oxlint-disable-next-line no-control-regex -- that none is left is the point
  assert.doesNotMatch(line, /[\x00-\x1f\u202e]/);
});

test('values in few words', () => {
  assert.deepEqual([undefined, null, [], [1], {}, 'a"b', 5, true].map(describe), [
    'nothing',
    'nothing',
    'an empty list',
    'a list',
    'a section',
    '"a\\"b"',
    '5',
    'true',
  ]);
  assert.equal(describe('x'.repeat(500)).length, 60);
});
