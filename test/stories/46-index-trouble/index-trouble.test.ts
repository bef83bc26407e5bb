/** The scratch index of what waits is locked, destroyed, deleted, or cannot be made: mail flows, and what waits is tried again. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { chmodSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const TO = ['bob@far.example'];

function options(folders: Folders, sink: Sink): FarmOptions {
  return { folders, set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[2s]'] };
}

/** Each message is refused at first, so that it waits in the index. */
function startLaterSink(): Promise<Sink> {
  const seen = new Set<string>();
  return startSink({
    onData: (_to, content) => {
      const id = /^X-Test-Id: (\S+)/m.exec(content.toString())?.[1] ?? '';
      const first = !seen.has(id);
      seen.add(id);
      return first ? '451 4.3.2 later' : undefined;
    },
  });
}

async function expectFlow(farm: Farm, sink: Sink, prefix: string): Promise<void> {
  const { accepted } = await sendMail({ port: farm.port, to: TO, count: 5, prefix });
  await waitFor(() => accepted.every((id) => sink.counts().get(id) === 1), {
    what: () => `mail ${prefix}\n${farm.tail()}`,
  });
}

describe('trouble with the index', () => {
  it('of a farm that runs stops no mail', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startLaterSink();
      await using farm = await startFarm(options(folders, sink));
      const file = join(farm.var, 'queue', 'index.db');
      await expectFlow(farm, sink, 'before');
      using lock = new Locker(file);
      assert.match(lock.tried, /locked|busy/i, 'nobody else gets a lock on it');
      await expectFlow(farm, sink, 'locked');
      chmodSync(file, 0);
      await expectFlow(farm, sink, 'forbidden');
      writeFileSync(file, Buffer.alloc(100_000, 0x5a));
      await expectFlow(farm, sink, 'overwritten');
      truncateSync(file, 0);
      await expectFlow(farm, sink, 'emptied');
      rmSync(file);
      await expectFlow(farm, sink, 'deleted');
      await farm.drained();
    } finally {
      removeTemp(folders.root);
    }
  });

  const kinds: readonly [string, (file: string) => void][] = [
    ['full of rubbish', (file) => writeFileSync(file, Buffer.alloc(100_000, 0x5a))],
    // Nobody can make a file there: not even root.
    ['a folder', (file) => mkdirSync(join(file, 'x'), { recursive: true })],
  ];
  for (const [kind, spoil] of kinds) {
    it(`that is ${kind} at a start of the scheduler stops no mail`, async () => {
      const folders = makeFolders();
      try {
        await using sink = await startLaterSink();
        const file = join(folders.var, 'queue', 'index.db');
        await using farm = await startFarm(options(folders, sink));
        const { accepted } = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'waiting' });
        const scheduler = await farm.worker('scheduler');
        rmSync(file);
        spoil(file);
        signal(scheduler.pid, 'SIGKILL');
        await waitFor(() => !isRunning(scheduler.pid));
        await expectFlow(farm, sink, 'new');
        await farm.drained();
        assert.deepEqual(
          accepted.filter((id) => !sink.counts().has(id)),
          [],
          'nothing lost',
        );
        if (kind === 'a folder') await farm.waitForLog((line) => line.event === 'index-trouble');
      } finally {
        removeTemp(folders.root);
      }
    });
  }
});

/** Tries to take the index for itself, as a curious operator's tool does. */
class Locker implements Disposable {
  readonly tried: string;
  readonly #db: Database.Database;

  constructor(file: string) {
    this.#db = new Database(file, { timeout: 100 });
    this.tried = this.#lock();
  }

  #lock(): string {
    try {
      this.#db.exec('BEGIN EXCLUSIVE');
      return 'done';
    } catch (error) {
      return String(error);
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
