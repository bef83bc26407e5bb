import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalName, readName, writeName } from '../../../src/dns/name.ts';
import { nameBytes } from '../../support/dns-wire.ts';

const pointer = (to: number): Buffer => Buffer.of(0xc0 | (to >> 8), to & 0xff);

describe('readName', () => {
  it('reads labels and follows pointers to what stands before', () => {
    const message = Buffer.concat([
      nameBytes('example.org'),
      Buffer.of(2),
      Buffer.from('MX'),
      pointer(0),
      Buffer.of(9),
    ]);
    assert.deepEqual(readName(message, 0), { name: 'example.org', end: 13 });
    assert.deepEqual(readName(message, 13), { name: 'mx.example.org', end: 18 });
    assert.deepEqual(readName(Buffer.of(0), 0), { name: '', end: 1 });
  });

  it('follows no pointer forward, to itself, in a circle, or out of the message', () => {
    const circle = Buffer.concat([Buffer.of(1, 97), pointer(4), pointer(0)]);
    for (const start of [0, 2, 4]) assert.equal(readName(circle, start), undefined, `from ${start}`);
    assert.equal(readName(pointer(0), 0), undefined);
    assert.equal(readName(Buffer.concat([pointer(2), nameBytes('x.test')]), 0), undefined, 'forward');
    assert.equal(readName(pointer(500), 0), undefined);
    assert.equal(readName(Buffer.of(0xc0), 0), undefined);
  });

  it('follows no more than a few pointers to pointers', () => {
    const chain = Buffer.concat([Buffer.of(0, 0), ...Array.from({ length: 100 }, (_, n) => pointer(2 * n))]);
    assert.deepEqual(readName(chain, 2 * 20), { name: '', end: 42 });
    assert.equal(readName(chain, 2 * 21), undefined);
  });

  it('takes 255 bytes and no more, and no label of a kind that nobody uses', () => {
    const longest = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61)].join('.');
    assert.equal(readName(nameBytes(longest), 0)?.name, longest);
    assert.equal(readName(nameBytes(`${longest}d`), 0), undefined);
    assert.equal(readName(Buffer.from([0x41, 97, 0]), 0), undefined);
    assert.equal(readName(Buffer.from([5, 97, 98]), 0), undefined, 'cut off');
  });

  it('tells a dot, a space, CR LF and other bytes within a label from all that a host name has', () => {
    const label = Buffer.from('a.b \r\n\\\xff', 'latin1');
    const name = readName(Buffer.concat([Buffer.of(label.length), label, nameBytes('test')]), 0)?.name;
    assert.equal(name, 'a\\046b\\032\\013\\010\\092\\255.test');
  });

  it('throws for no bytes and no place, and never reads two names of the wire as one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(310), (bytes, at) => {
        readName(Buffer.from(bytes), at);
      }),
    );
    const label = fc.uint8Array({ minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 4 }), fc.array(label, { maxLength: 4 }), (one, other) => {
        const [a, b] = [one, other].map((labels) =>
          Buffer.concat([...labels.flatMap((bytes) => [Buffer.of(bytes.length), bytes]), Buffer.of(0)]),
        );
        const same = readName(a ?? Buffer.of(), 0)?.name === readName(b ?? Buffer.of(), 0)?.name;
        assert.equal(same, lower(a) === lower(b));
      }),
    );
  });
});

describe('writeName', () => {
  it('writes what readName() reads', () => {
    for (const name of ['', 'org', 'mx.example.org', '_25._tcp.mx.example.org', 'xn--bcher-kva.example']) {
      assert.equal(readName(writeName(name) ?? Buffer.of(), 0)?.name, name);
    }
  });

  it('writes no name that none can be', () => {
    const labels = Array.from({ length: 64 }, () => 'abc');
    for (const name of ['a..b', '.', 'a b', 'a\\032b', 'a\r\nb', 'ä.test', 'a'.repeat(64), labels.join('.')]) {
      assert.equal(writeName(name), undefined, name);
    }
  });
});

it('canonicalName() has no capitals and no dot at the end', () => {
  assert.equal(canonicalName('MX.Example.ORG.'), 'mx.example.org');
  assert.equal(canonicalName('.'), '');
});

/** As DNS compares: ASCII letters in any case, all else as it is. */
function lower(bytes: Buffer | undefined): string {
  return (bytes ?? Buffer.of()).toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
