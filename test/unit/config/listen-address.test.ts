import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalListen, isSocketPath, parseListen } from '../../../src/config/listen-address.ts';

test('addresses of both families, localhost, and socket files', () => {
  assert.deepEqual(parseListen('127.0.0.1:2525'), { kind: 'tcp', host: '127.0.0.1', port: 2525 });
  assert.deepEqual(parseListen('0.0.0.0:0'), { kind: 'tcp', host: '0.0.0.0', port: 0 });
  assert.deepEqual(parseListen('[::1]:25'), { kind: 'tcp', host: '::1', port: 25 });
  assert.deepEqual(parseListen('localhost:25'), { kind: 'tcp', host: '127.0.0.1', port: 25 });
  assert.deepEqual(parseListen('unix:run/in.sock'), { kind: 'unix', path: 'run/in.sock' });
  assert.deepEqual(parseListen('unix:/run/in.sock'), { kind: 'unix', path: '/run/in.sock' });
});

test('anything else is no address', () => {
  const wrong = [
    '',
    ':25',
    '25',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.1:25',
    '::1:25',
    '[::1]',
    '[127.0.0.1]:25',
  ];
  const more = [
    '*:25',
    'mx.example.org:25',
    '[fe80::1%eth0]:25',
    '127.0.0.1:-1',
    '127.0.0.1:2 5',
    'unix:',
    'unix:../x',
    'unix:a/../b',
  ];
  for (const text of [...wrong, ...more, 'unix:run/', 'unix:a b', 'unix:a\0b', `unix:${'x'.repeat(101)}`]) {
    assert.equal(parseListen(text), undefined, text);
  }
});

test('a socket path fits into its name and stays where it is', () => {
  assert.ok(isSocketPath('run/router.sock') && isSocketPath('x'.repeat(100)) && isSocketPath('a..b'));
  assert.ok(!isSocketPath('') && !isSocketPath('..') && !isSocketPath('a/..') && !isSocketPath('é'));
});

test('one spelling for each address', () => {
  const cases = ['localhost:25', '[0:0::1]:25', '[2001:DB8::]:25', 'unix:run/x.sock', 'x'];
  assert.deepEqual(cases.map(canonicalListen), [
    '127.0.0.1:25',
    '[::1]:25',
    '[2001:db8::]:25',
    'unix:run/x.sock',
    undefined,
  ]);
});
