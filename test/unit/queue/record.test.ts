import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import {
  acceptLine,
  MAX_RECORD_LINE,
  messageLine,
  outcomeLine,
  parseLine,
  sumHolds,
} from '../../../src/queue/record.ts';
import { makeEnvelope, makeLongest } from './support.ts';

const next = createIdSource();

describe('records', () => {
  it('of messages hold what was put in, and know a changed byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (content, at) => {
        const id = next();
        const envelope = makeEnvelope(['a@b.example', 'ü@b.example']);
        const line = messageLine({ id, length: content.length, staged: false, envelope }, crc32(content));
        const text = line.subarray(0, -1);
        assert.deepEqual(parseLine(text), { kind: 'message', id, length: content.length, staged: false, envelope });
        assert.ok(sumHolds(text, crc32(content)));
        const changed = Buffer.from(text);
        const position = 18 + (at % (changed.length - 18));
        changed[position] = (changed[position] ?? 0) ^ 1;
        assert.equal(sumHolds(changed, crc32(content)), false);
        if (content.length > 0) assert.equal(sumHolds(text, crc32(content.subarray(1))), false);
      }),
    );
  });

  it('may be padded, so that a line can be written in front of content that came first', () => {
    const record = { id: next(), length: 3, staged: true, envelope: makeEnvelope() };
    const line = messageLine(record, crc32('abc'), { pad: 4096 });
    assert.equal(line.length, 4096);
    assert.deepEqual(parseLine(line.subarray(0, -1)), { kind: 'message', ...record });
    assert.ok(sumHolds(line, crc32('abc')));
  });

  it('of accepts and outcomes come back', () => {
    const id = next();
    const outcomes = [{ state: 'delivered' as const, recipients: ['a@b'], at: 5 }];
    assert.deepEqual(parseLine(acceptLine(17).subarray(0, -1)), { kind: 'accept', ordinal: 17 });
    assert.deepEqual(parseLine(outcomeLine(id, outcomes).subarray(0, -1)), { kind: 'outcomes', id, outcomes });
  });

  it('are not made of outcomes that could not be read back', () => {
    const good = { state: 'held' as const, recipients: ['a@b'], at: 5 };
    for (const bad of [{ why: 'x'.repeat(70_000) }, { why: ['a', 'b'] as unknown as string }, { at: 0.5 }])
      assert.throws(() => outcomeLine(next(), [good, { ...good, ...bad }]), TypeError);
  });

  it('are not made of messages that could not be read back', () => {
    const make = (envelope: Envelope): Buffer => messageLine({ id: next(), length: 0, staged: false, envelope }, 0);
    const whole = makeLongest(make);
    assert.equal(make(whole).length, MAX_RECORD_LINE);
    const { recipients } = whole;
    assert.throws(() => make({ ...whole, recipients: [...recipients, { address: 'x@y' }] }), TypeError);
    assert.throws(() => make(makeEnvelope(Array.from({ length: 100_001 }, (_, n) => `${n}@b`))), TypeError);
    assert.throws(() => make({ ...makeEnvelope(), sender: 'x'.repeat(70_000) }), TypeError);
  });

  it('are none when they are foreign, of another version or of the wrong shape', () => {
    const head = '{"sum":"00000000","v":1,';
    const lines: string[] = [
      '',
      'Subject: hello, this is just a line of mail',
      '{"sum":"00000000"}',
      '{"sum":"00000000","v":2,"accept":1}',
      `${head}"accept":-1}`,
      `${head}"id":"../../etc/passwd","outcomes":[]}`,
      `${head}"id":"${next()}","len":1,"envelope":{}}`,
      `${head}"id":"${next()}","len":-1,"envelope":${JSON.stringify(makeEnvelope())}}`,
      `${head}"id":"${next()}","outcomes":[{"state":"nonsense","recipients":[],"at":1}]}`,
      `${head}"__proto__":{"accept":1}}`,
      '['.repeat(100_000),
    ];
    for (const line of lines) assert.equal(parseLine(Buffer.from(line)), undefined, line.slice(0, 80));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => parseLine(Buffer.from(bytes)) === undefined));
  });
});
