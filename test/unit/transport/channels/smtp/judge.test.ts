import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isStale, judge } from '../../../../../src/transport/channels/smtp/judge.ts';
import { newTranscript, type Transcript } from '../../../../../src/transport/channels/smtp/transcript.ts';

const REMOTE = 'mx.test [192.0.2.1]:25';

/** A transcript of a transaction that went well, but for what is given. */
function transcript(rcpt: Readonly<Record<string, string>>, changes: Partial<Transcript> = {}): Transcript {
  const well = { mail: '250 ok', data: '354 go on', bodyBegun: true, dotSent: true, final: '250 2.0.0 taken' };
  return { ...newTranscript(), ...well, rcpt: new Map(Object.entries(rcpt)), ...changes };
}

function answers(told: Transcript, recipients: readonly string[]): string[] {
  return judge(told, recipients, REMOTE).verdicts.map(({ state, reply }) => `${state} ${reply.code} ${reply.status}`);
}

describe('judge', () => {
  it('takes each recipient by its own answer, then by the one to the content', () => {
    const told = transcript({ a: '250 ok', b: '550 5.1.1 no', c: '451 4.2.0 later' });
    assert.deepEqual(answers(told, ['a', 'b', 'c']), ['delivered 250 2.0.0', 'failed 550 5.1.1', 'deferred 451 4.2.0']);
  });

  it('tells lost before the content, within it and after it apart', () => {
    const error = new Error('connection closed');
    const lost = (changes: Partial<Transcript>): string => {
      const { final: _final, ...rest } = transcript({ a: '250 ok' }, { error, ...changes });
      return judge(rest, ['a'], REMOTE).verdicts[0]?.reply.text ?? '';
    };
    assert.equal(lost({ bodyBegun: false, dotSent: false }), 'connection closed');
    assert.equal(lost({ dotSent: false }), 'connection lost while sending data');
    assert.equal(lost({}), 'connection lost after data');
  });

  it('believes no acceptance of what was not sent', () => {
    assert.deepEqual(answers(transcript({ a: '250 ok' }, { dotSent: false }), ['a']), ['deferred 451 4.5.0']);
  });

  it('sends the excess again only where some were taken', () => {
    const some = judge(transcript({ a: '250 ok', b: '452 4.5.3 too many' }), ['a', 'b'], REMOTE);
    assert.deepEqual(some.again, ['b']);
    const none = judge(transcript({ b: '452 4.5.3 too many' }), ['b'], REMOTE);
    assert.deepEqual([none.again, none.verdicts[0]?.state], [[], 'deferred']);
    const full = judge(transcript({ a: '250 ok', b: '452 4.2.2 mailbox full' }), ['a', 'b'], REMOTE);
    assert.deepEqual(full.again, []);
  });

  it('lets a full disk after the content be no excess', () => {
    const told = transcript({ a: '250 ok' }, { final: '452 4.5.3 odd' });
    assert.deepEqual([judge(told, ['a'], REMOTE).again, answers(told, ['a'])], [[], ['deferred 452 4.5.3']]);
  });

  it('gives the answer of LMTP to each recipient', () => {
    const finals = new Map([
      ['a', '250 ok'],
      ['b', '550 5.2.1 disabled'],
    ]);
    const told = transcript({ a: '250 ok', b: '250 ok' }, { finals });
    assert.deepEqual(answers(told, ['a', 'b']), ['delivered 250 2.0.0', 'failed 550 5.2.1']);
  });

  it('calls the next hop troubled when it takes its leave', () => {
    assert.equal(judge(transcript({ a: '421 4.3.2 down' }), ['a'], REMOTE).trouble?.code, 421);
    assert.equal(judge(transcript({ a: '450 4.2.0 later' }), ['a'], REMOTE).trouble, undefined);
  });
});

describe('isStale', () => {
  const error = new Error('connection closed');

  it('is true only before the content, and for no answer or a 421 to MAIL', () => {
    assert.equal(isStale({ ...newTranscript(), error }), true);
    assert.equal(isStale({ ...newTranscript(), error, mail: '421 idle' }), true);
    assert.equal(isStale({ ...newTranscript(), error, mail: '250 ok' }), false);
    assert.equal(isStale({ ...newTranscript(), error, bodyBegun: true }), false);
    assert.equal(isStale(newTranscript()), false);
  });
});
