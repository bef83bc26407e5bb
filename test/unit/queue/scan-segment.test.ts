import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { createDisk } from '../../../src/queue/disk.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { acceptLine, messageLine, outcomeLine } from '../../../src/queue/record.ts';
import { scanSegment, type Scanned } from '../../../src/queue/scan-segment.ts';
import { makeTemp } from '../../support/temp.ts';
import { gather, makeEnvelope } from './support.ts';

const next = createIdSource();
const folder = makeTemp('scan');

function record(content: string, staged = false): Buffer {
  const bytes = Buffer.from(content);
  const line = messageLine({ id: next(), length: bytes.length, staged, envelope: makeEnvelope() }, crc32(bytes));
  return Buffer.concat([line, bytes]);
}

async function scan(bytes: Buffer, maxContent = 1_000_000): Promise<Scanned[]> {
  const path = `${folder}/segment`;
  writeFileSync(path, bytes);
  const file = await createDisk().open(path);
  try {
    return await gather(scanSegment(file, maxContent));
  } finally {
    await file.close();
  }
}

/** What was found, in short: the ordinals of whole records, `damaged`, and what was left at the end. */
const summary = (scanned: readonly Scanned[]): (number | string)[] =>
  scanned.map((one) => {
    if (one.kind === 'record') return one.ordinal;
    return one.kind === 'end' ? `end ${one.left}` : 'damaged';
  });

describe('scanning a segment', () => {
  it('finds every record and where it lies', async () => {
    const parts = [record('one'), acceptLine(0), record(''), record('x'.repeat(2_000_000))];
    const scanned = await scan(Buffer.concat(parts), 3_000_000);
    assert.deepEqual(summary(scanned), [0, 1, 2, 3, 'end 0']);
    let offset = 0;
    for (const [i, part] of parts.entries()) {
      const one = scanned[i];
      assert.ok(one?.kind === 'record');
      assert.deepEqual([one.offset, one.length], [offset, part.length]);
      offset += part.length;
    }
  });

  it('finds everything before a tear, and nothing after, wherever it is torn', async () => {
    const parts = [record('first\r\n'), record('second\r\n', true), acceptLine(1), record('last\r\n')];
    const whole = Buffer.concat(parts);
    const ends = parts.map((_, i) => Buffer.concat(parts.slice(0, i + 1)).length);
    for (let size = 0; size <= whole.length; size += 1) {
      const scanned = await scan(whole.subarray(0, size));
      const complete = ends.filter((end) => end <= size).length;
      const left = size - (ends[complete - 1] ?? 0);
      assert.deepEqual(
        summary(scanned),
        [...Array.from({ length: complete }, (_, i) => i), `end ${left}`],
        `at ${size}`,
      );
    }
  });

  it('passes over a damaged record in the middle, and counts it', async () => {
    const damaged = record('damaged content');
    damaged[damaged.length - 3] = 0;
    const scanned = await scan(Buffer.concat([record('a'), damaged, record('b')]));
    assert.deepEqual(summary(scanned), [0, 'damaged', 2, 'end 0']);
  });

  it('takes a damaged record at the end for a torn one', async () => {
    const damaged = record('damaged content');
    damaged[damaged.length - 3] = 0;
    assert.deepEqual(summary(await scan(Buffer.concat([record('a'), damaged]))), [0, `end ${damaged.length}`]);
  });

  it('gives what is left for keeping when records follow a line that cannot be read', async () => {
    const broken = record('broken');
    broken[3] = 0x58;
    const after = record('after');
    const scanned = await scan(Buffer.concat([record('a'), broken, after]));
    const end = scanned.at(-1);
    assert.ok(end?.kind === 'end');
    assert.deepEqual(end.rest, Buffer.concat([broken, after]));
    const torn = (await scan(Buffer.concat([record('a'), after.subarray(0, -1)]))).at(-1);
    assert.ok(torn?.kind === 'end' && torn.rest === undefined, 'a torn tail is nothing to keep');
  });

  it('finds nothing in zeros, in nothing, and in foreign bytes', async () => {
    assert.deepEqual(summary(await scan(Buffer.alloc(0))), ['end 0']);
    assert.deepEqual(summary(await scan(Buffer.alloc(5_000_000))), ['end 5000000']);
    assert.deepEqual(summary(await scan(Buffer.concat([record('a'), Buffer.alloc(4096)]))), [0, 'end 4096']);
    assert.deepEqual(summary(await scan(Buffer.from('\n\n\n'))), ['end 3']);
  });

  it('never takes a forged record within content for a record', async () => {
    const forged = record('evil');
    const content = Buffer.concat([
      Buffer.from('Subject: x\r\n\r\n'),
      forged,
      acceptLine(0),
      Buffer.from('\n'),
      forged,
    ]);
    const real = Buffer.concat([record(content.toString()), record('b')]);
    assert.deepEqual(summary(await scan(real)), [0, 1, 'end 0']);
    for (let cut = 1; cut < content.length; cut += 7) {
      const torn = record(content.toString());
      assert.deepEqual(summary(await scan(torn.subarray(0, torn.length - cut))), [`end ${torn.length - cut}`]);
    }
  });

  it('believes no length that goes beyond the limit or the file', async () => {
    const line = messageLine({ id: next(), length: 2 ** 40, staged: false, envelope: makeEnvelope() }, 0);
    assert.deepEqual(summary(await scan(Buffer.concat([line, record('b')]))).length, 1);
    const large = record('x'.repeat(2000));
    assert.deepEqual(summary(await scan(large, 1000)), [`end ${large.length}`]);
  });

  it('of outcomes goes on behind a line that was torn', async () => {
    const line = outcomeLine(next(), [{ state: 'delivered', recipients: ['a@b'], at: 1 }]);
    const torn = line.subarray(0, 40);
    const scanned = await scan(Buffer.concat([line, torn, Buffer.from('\n'), line, Buffer.from('\n'), line, torn]), 0);
    assert.deepEqual(summary(scanned), [0, 'damaged', 1, 2, `end ${torn.length}`]);
  });
});
