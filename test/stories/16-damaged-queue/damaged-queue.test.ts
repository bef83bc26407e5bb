/** Files in the queue that are torn, foreign or hostile: set aside and reported, never fatal; the mail beside them is delivered. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_OURSELVES, makeFolders, startFarm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const MESSAGES = 100;

function options(folders: Folders, sink: Sink): FarmOptions {
  return {
    folders,
    set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]', ...AS_OURSELVES],
  };
}

/** Mail in the journal that no attempt succeeded for, and a farm that died. */
async function leaveBehind(folders: Folders, sink: Sink): Promise<readonly string[]> {
  await using farm = await startFarm(options(folders, sink));
  const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: MESSAGES, sessions: 4 });
  await farm.killAll();
  return accepted;
}

/** The segment with most of the mail in it. */
function largestSegment(folders: Folders): string {
  const journal = join(folders.var, 'queue', 'journal');
  const files = readdirSync(journal).map((name) => join(journal, name));
  const [largest] = files.toSorted((a, b) => statSync(b).size - statSync(a).size);
  assert.ok(largest !== undefined && statSync(largest).size > 1000, files.join());
  return largest;
}

describe('a damaged queue', () => {
  it('costs only what is torn: half a record at the end of a journal', async () => {
    const folders = makeFolders();
    try {
      let open = false;
      await using sink = await startSink({ onMail: () => (open ? undefined : '451 4.3.2 later') });
      const accepted = await leaveBehind(folders, sink);
      const segment = largestSegment(folders);
      // What a power cut leaves: the beginning of one more record, which nobody was told is safe.
      writeFileSync(segment, readFileSync(segment).subarray(0, 300), { flag: 'a' });
      open = true;
      await using farm = await startFarm(options(folders, sink));
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => !counts.has(id)),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });

  it('costs only the record that was cut, and the rest is delivered', async () => {
    const folders = makeFolders();
    try {
      let open = false;
      await using sink = await startSink({ onMail: () => (open ? undefined : '451 4.3.2 later') });
      const accepted = await leaveBehind(folders, sink);
      const segment = largestSegment(folders);
      const { length } = readFileSync(segment);
      truncateSync(segment, length - 10);
      open = true;
      await using farm = await startFarm(options(folders, sink));
      await farm.drained();
      const counts = sink.counts();
      assert.ok(accepted.filter((id) => !counts.has(id)).length <= 1);
    } finally {
      removeTemp(folders.root);
    }
  });

  it('is walked past foreign files, links, pipes and nonsense', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      mkdirSync(join(folders.var, 'queue', 'mess', '00'), { recursive: true, mode: 0o700 });
      const id = '0000000000000000001';
      const place = (name: string): string => join(folders.var, 'queue', 'mess', '00', name);
      writeFileSync(place(id), 'this is no envelope\n');
      writeFileSync(place('0000000000000000002'), '');
      writeFileSync(place('0000000000000000003'), Buffer.alloc(100_000));
      writeFileSync(place('0000000000000000004'), `{"v":1,"id":"../../etc/passwd"}\n`);
      writeFileSync(place('core.1234'), 'x');
      writeFileSync(place('..tmp'), 'x');
      symlinkSync('/etc/passwd', place('0000000000000000005'));
      mkdirSync(place('0000000000000000006'));
      execFileSync('mkfifo', [place('0000000000000000007')]);
      await using farm = await startFarm(options(folders, sink));
      await farm.waitForLog((line) => line.event === 'injection-done');
      const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 10 });
      await waitFor(() => sink.counts().size === accepted.length, { what: () => `delivery\n${farm.tail()}` });
      assert.equal(farm.logLines().filter((line) => line.event === 'crashed').length, 0);
      assert.ok(
        farm.logLines().some((line) => line.event === 'corrupt'),
        'it is reported',
      );
    } finally {
      removeTemp(folders.root);
    }
  });
});
