import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RecordType } from '../../../src/dns/answer.ts';
import { judge } from '../../../src/dns/judge.ts';
import { readReply, type Expected } from '../../../src/dns/message.ts';
import { encodeQuery } from '../../../src/dns/query.ts';
import { nameBytes, readQuery, record, response, TRUNCATED, type Query } from '../../support/dns-wire.ts';

function ask(type: RecordType = 'A', name = 'x.test'): { readonly query: Query; readonly expected: Expected } {
  const expected = { id: 4711, name, type };
  const bytes = encodeQuery({ ...expected, edns: true, dnssec: true });
  assert.ok(bytes);
  return { query: readQuery(bytes, 'udp', 1), expected };
}

describe('encodeQuery', () => {
  it('says that long answers are welcome, and that the word of validation is, where that is wanted', () => {
    const { query } = ask('MX', 'example.org');
    assert.deepEqual([query.type, query.name, query.id], ['MX', 'example.org', 4711]);
    assert.deepEqual([query.size, query.dnssecOk], [1232, true]);
    const plain = encodeQuery({ id: 1, name: 'x.test', type: 'A', edns: false, dnssec: false }) ?? Buffer.of();
    assert.deepEqual([readQuery(plain, 'udp', 1).size, plain.length], [undefined, 12 + 8 + 4]);
  });
});

describe('readReply', () => {
  it('reads the response to its question and no other', () => {
    const { query, expected } = ask();
    const reply = response(query, { answers: [record('A', '192.0.2.1')] });
    assert.equal(readReply(reply, expected).kind, 'message');
    const changed: readonly [string, Buffer][] = [
      ['another id', patch(reply, 1, 1)],
      ['a query', patch(reply, 2, 0x80)],
      ['another operation', patch(reply, 2, 0x08)],
      ['two questions', patch(reply, 5, 3)],
      ['another name', patch(reply, 13, 1)],
      ['another type', patch(reply, query.end - 3, 16)],
      ['another class', patch(reply, query.end - 1, 2)],
      ['cut off in the question', reply.subarray(0, query.end - 1)],
      ['nothing', Buffer.of()],
    ];
    for (const [what, bytes] of changed) assert.equal(readReply(bytes, expected).kind, 'foreign', what);
  });

  it('knows names in any case: some servers give them back in another', () => {
    const { query, expected } = ask('A', 'x.test');
    const reply = response(query, { answers: [record('A', '192.0.2.1', { name: 'X.TEST' })] });
    reply.write('X', 13, 'latin1');
    const read = readReply(reply, expected);
    assert.equal(read.kind === 'message' && judge(read.message, expected).kind, 'found');
  });

  it('is malformed where a record is not what its type says', () => {
    const { query, expected } = ask();
    const records: readonly [string, Buffer][] = [
      ['A of 3 bytes', record('A', Buffer.alloc(3))],
      ['AAAA of 4 bytes', record('AAAA', Buffer.alloc(4))],
      ['MX without a host', record('MX', Buffer.alloc(2))],
      [
        'MX with more behind its host',
        record('MX', Buffer.concat([Buffer.alloc(2), nameBytes('a.test'), Buffer.of(0)])),
      ],
      ['MX whose host points at itself', record('MX', Buffer.of(0, 1, 0xc0, query.end + 14))],
      ['CNAME that is cut off', record('CNAME', Buffer.of(5, 97))],
      ['TXT without a string', record('TXT', Buffer.of())],
      ['TXT whose string is longer than it', record('TXT', Buffer.of(5, 97))],
      ['TLSA of 2 bytes', record('TLSA', Buffer.alloc(2))],
      ['SOA without numbers', record('SOA', Buffer.alloc(2))],
      ['longer than the message', record('A', '192.0.2.1').subarray(0, -1)],
      [
        'a name that runs in a circle',
        record('A', '192.0.2.1', { name: 'abc' }).fill(0xc0, 0, 1).fill(query.end, 1, 2),
      ],
    ];
    for (const [what, bytes] of records) {
      assert.equal(readReply(response(query, { answers: [bytes] }), expected).kind, 'malformed', what);
    }
    const promised = patch(response(query, { answers: [record('A', '192.0.2.1')] }), 7, 3);
    assert.equal(readReply(promised, expected).kind, 'malformed', 'more records promised than there are');
    const many = response(query);
    many.writeUInt16BE(0xffff, 6);
    assert.equal(readReply(many, expected).kind, 'malformed', '65,535 promised');
    for (const [count, kind] of [
      [4000, 'message'],
      [4001, 'malformed'],
    ] as const) {
      const answers = Array.from({ length: count }, () => record('A', '192.0.2.1'));
      assert.equal(readReply(response(query, { answers }), expected).kind, kind, `${count} records`);
    }
  });

  it('reads over types and classes that it does not know', () => {
    const { query, expected } = ask();
    const unknown = record('A', Buffer.alloc(3));
    unknown.writeUInt16BE(4711, 2);
    const chaos = record('A', Buffer.alloc(3));
    chaos.writeUInt16BE(3, 4);
    const reply = readReply(response(query, { answers: [unknown, chaos, record('A', '192.0.2.1')] }), expected);
    const found = reply.kind === 'message' ? judge(reply.message, expected) : undefined;
    assert.deepEqual(found?.kind === 'found' && found.value, ['192.0.2.1']);
  });

  it('says that it is cut off, whatever is behind the question', () => {
    const { query, expected } = ask();
    const whole = response(query, { flags: TRUNCATED, answers: [record('A', '192.0.2.1')] });
    for (let size = query.end; size <= whole.length; size += 1) {
      assert.equal(readReply(whole.subarray(0, size), expected).kind, 'truncated');
    }
  });

  it('reads the code that EDNS makes longer', () => {
    const { query, expected } = ask();
    const opt = Buffer.from([0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]);
    const reply = readReply(response(query, { additionals: [opt] }), expected);
    assert.equal(reply.kind === 'message' && reply.message.code, 16);
  });

  it('throws for no bytes, and takes none for records that they are not', () => {
    const { query, expected } = ask('MX');
    const reply = response(query, {
      answers: [
        record('CNAME', 'y.test'),
        record('MX', '10 a.test', { name: 'y.test' }),
        record('MX', Buffer.from([0, 20, 1, 98, 0xc0, 14]), { name: 'y.test' }),
      ],
      authorities: [record('SOA', '60', { name: 'test' })],
      additionals: [record('A', '192.0.2.1', { name: 'a.test' }), record('TXT', 'text'), record('TLSA', '3 1 1 aabb')],
    });
    const change = fc.tuple(fc.nat(reply.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.nat(reply.length), (changes, cut) => {
        const bytes = Buffer.from(reply);
        for (const [at, value] of changes) bytes[at] = value;
        checkTotal(bytes, expected);
        checkTotal(bytes.subarray(0, cut), expected);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (tail) => {
        checkTotal(Buffer.concat([reply.subarray(0, query.end), tail]), expected);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Whatever is read is complete and of the kind that was asked for. */
function checkTotal(bytes: Buffer, expected: Expected): void {
  const reply = readReply(bytes, expected);
  if (reply.kind !== 'message') return;
  const finding = judge(reply.message, expected);
  if (finding.kind !== 'found') return;
  for (const value of finding.value) {
    assert.ok(typeof value === 'object' && 'exchange' in value && typeof value.exchange === 'string');
    assert.ok(/^[\x21-\x7e]*$/.test(value.exchange) && value.preference >= 0);
  }
}

function patch(bytes: Buffer, at: number, change: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ change;
  return copy;
}
