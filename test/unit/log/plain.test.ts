/** The readable form of log lines, and that nothing from outside reaches the terminal as it came. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatPlain } from '../../../src/log/plain.ts';

const plain = (record: object): string => formatPlain(JSON.stringify(record), { colour: false });
const time = '2026-01-31T12:01:33.500Z';

describe('formatPlain', () => {
  it('shows clock, worker, event, id, then the rest', () => {
    const line = plain({
      time,
      level: 'info',
      farm: 'acceptor',
      worker: 'acceptor-1',
      event: 'received',
      id: '01abc',
      sender: 'a@b',
      recipients: ['c@d'],
      size: 1234,
    });
    assert.match(line, /^\d\d:\d\d:\d\d acceptor-1 received 01abc from=<a@b> to=<c@d> size=1234$/);
  });

  it('quotes text with spaces, shortens lists, shows the null sender', () => {
    const line = plain({
      time,
      worker: 'w',
      event: 'e',
      sender: '',
      recipients: ['a', 'b', 'c', 'd', 'e'],
      why: 'a "b" c',
    });
    assert.match(line, / w e from=<> to=<a>,<b>,<c>,\+2 why="a \\"b\\" c"$/);
  });

  it('shows numbers of recipients, addresses under any of their names, and objects in short', () => {
    const parts = [{ channel: 'maildir', next: 'localhost/me', to: 1 }];
    const line = plain({ time, worker: 'w', event: 'e', recipients: 2, to: ['c@d'], parts, nothing: null });
    assert.match(line, / w e recipients=2 to=<c@d> parts=maildir:localhost\/me:1$/);
  });

  it('leaves out what is empty, but shows the null sender', () => {
    const line = plain({
      time,
      worker: 'w',
      event: 'exited',
      code: null,
      signal: null,
      next: '',
      by: [],
      sender: '',
      n: 0,
    });
    assert.match(line, / w exited from=<> n=0$/);
  });

  it('names the farm of which the supervisor speaks', () => {
    assert.match(
      plain({ time, farm: 'acceptor', worker: 'supervisor', event: 'resized', least: 2 }),
      / farm=acceptor least=2$/,
    );
    assert.match(plain({ time, farm: 'supervisor', worker: 'supervisor', event: 'ready' }), / supervisor ready$/);
    assert.match(plain({ time, farm: 'smtp', worker: 'smtp-1', event: 'exited' }), / smtp-1 exited$/);
  });

  it('shows times of day as such', () => {
    assert.match(
      plain({ time, worker: 'w', event: 'e', until: Date.parse(time) }),
      / e until=2026-01-31T12:01:33\.500Z$/,
    );
    assert.match(plain({ time, worker: 'w', event: 'e', until: 1e300 }), / e until=1e\+300$/);
  });

  it('marks warnings and errors, and colours only when asked', () => {
    const record = { time, level: 'error', worker: 'w', event: 'e' };
    assert.match(plain(record), / w error: e$/);
    assert.ok(formatPlain(JSON.stringify(record), { colour: true }).includes('\u001b[31merror: e\u001b[0m'));
  });

  it('shows a line that is no JSON object, cleaned', () => {
    assert.equal(formatPlain('\u001b[2J oops\r', { colour: false }), '[2J oops');
    assert.equal(formatPlain('[1]', { colour: false }), '[1]');
    assert.equal(formatPlain('{', { colour: false }), '{');
  });

  it('never lets a control character through, whatever the record holds', () => {
    const hostile = fc.dictionary(fc.string({ unit: 'binary' }), fc.anything({ withNullPrototype: true }));
    fc.assert(
      fc.property(hostile, fc.string({ unit: 'binary' }), (fields, extra) => {
        const text = safeStringify({ ...fields, extra: `${extra}\u001b[31m\r\n\u202e` });
        const shown = formatPlain(text, { colour: false });
        // oxlint-disable-next-line no-control-regex -- control characters are what this is about
        assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      }),
    );
  });
});

function safeStringify(value: object): string {
  return JSON.stringify(value, (_, entry: unknown) => (typeof entry === 'bigint' ? String(entry) : entry));
}
