/** A message of 50 MB on its way through every stage: no process holds more of it than a few megabytes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent, testId } from '../../support/content.ts';
import { startFarm, type Farm } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';

const SIZE = 50_000_000;
/** Of one process. Some 5 are seen; when garbage goes is up to V8. */
const MOST_MIB = 16;
const TO = ['bob@far.example', 'anna@localhost', 'no@far.example'];

/** MiB that each worker holds, and held at most since the last reset, by the kernel's count. */
function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

/** From now on, what each of these workers will hold at most beyond what it holds. */
function watchGrowth(farm: Farm): () => Map<string, number> {
  const before = farm.workers().map(({ name, pid }) => {
    // proc(5): 5 resets the peak.
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return { name, pid, had: memoryOf(pid).now };
  });
  return () => new Map(before.map(({ name, pid, had }) => [name, memoryOf(pid).peak - had]));
}

function bodyOf(content: Buffer, lineEnd = '\r\n'): Buffer {
  return content.subarray(content.indexOf(lineEnd + lineEnd) + 2 * lineEnd.length);
}

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

describe('a message of 50 MB', () => {
  it('goes through filter, queue, Maildir, next hop and bounce in pieces, and arrives whole', async () => {
    await using sink = await startSink({
      size: 2 * SIZE,
      onRcpt: (to) => (to.startsWith('no@') ? '550 5.1.1 no' : undefined),
    });
    await using farm = await startFarm({
      set: [
        `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'domains.local=[localhost]',
        'listen.0.filters=[structure]',
        'limits.messageSize=64MiB',
      ],
    });
    const options = { port: farm.port, from: 'carl@localhost', to: TO };
    await sendMail({ ...options, count: 20, prefix: 'small' });
    await farm.drained();
    const content = makeContent('large-0', { size: SIZE });
    const growth = watchGrowth(farm);
    const sent = await sendMail({ ...options, prefix: 'large', content: () => content });
    assert.deepEqual(sent.accepted, ['large-0'], JSON.stringify(sent.refused));
    await farm.drained();
    const grown = growth();
    console.log(
      `most MiB beyond what small messages left: ${[...grown].map(([name, mib]) => `${name} ${mib.toFixed(1)}`).join(', ')}`,
    );
    assert.deepEqual(
      [...grown].filter(([, mib]) => mib > MOST_MIB),
      [],
    );
    const wanted = bodyOf(Buffer.from(content));
    const relayed = sink.ledger.filter(({ id }) => id === 'large-0');
    const stored = readMaildir(join(farm.var, 'mail/localhost/anna'))
      .map((one) => one.content)
      .filter((one) => testId(one) === 'large-0');
    // The Maildir has the line ends of Unix.
    assert.deepEqual(
      relayed.map(({ content: one }) => digest(bodyOf(one))),
      [digest(wanted)],
    );
    assert.deepEqual(
      stored.map((one) => digest(bodyOf(one, '\n'))),
      [digest(Buffer.from(wanted.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'))],
    );
  });
});
