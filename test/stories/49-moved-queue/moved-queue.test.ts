/** A queue whose split was changed, and one that was copied to another place: all its mail is found and goes out once. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const TO = ['bob@far.example', 'eve@far.example'];

/** The first recipient gets each message at once, the second waits: so there are outcomes to be kept. */
interface Hop {
  readonly sink: Sink;
  open: boolean;
}

async function startHop(): Promise<Hop> {
  const hop = {
    open: false,
    sink: await startSink({
      onRcpt: (to): string | undefined => (to.startsWith('eve') && !hop.open ? '450 4.2.1 later' : undefined),
    }),
  };
  return hop;
}

function options(folders: Folders, { sink }: Hop, ...more: readonly string[]): FarmOptions {
  return {
    folders,
    set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]', ...more],
  };
}

/** Deferred mail in the tree, held mail, and some in a journal that no router saw; killed. */
async function fill(farm: Farm): Promise<string[]> {
  const deferred = await sendMail({ port: farm.port, to: TO, count: 20, prefix: 'deferred' });
  const count = async (): Promise<number> => Number((await farm.queueCli(['count', '--state', 'deferred'])).stdout);
  await waitFor(async () => (await count()) === 20, { what: () => `20 deferred\n${farm.tail()}` });
  signal((await farm.worker('router')).pid, 'SIGSTOP');
  const unrouted = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'unrouted' });
  await farm.killAll();
  return [...deferred.accepted, ...unrouted.accepted];
}

async function expectAll(farm: Farm, hop: Hop, accepted: readonly string[]): Promise<void> {
  hop.open = true;
  await farm.drained();
  const copies = hop.sink.copies();
  const wrong = accepted.flatMap((id) => TO.map((to) => `${id} ${to}`)).filter((copy) => copies.get(copy) !== 1);
  assert.deepEqual(wrong, [], `each copy once\n${farm.tail()}`);
}

describe('a queue', () => {
  it('whose split was changed has its files put where they belong', async () => {
    const folders = makeFolders();
    const hop = await startHop();
    try {
      const one = ['farms.router.least=1', 'farms.router.most=1'];
      let accepted: string[];
      {
        await using farm = await startFarm(options(folders, hop, 'queue.split=16', ...one));
        accepted = await fill(farm);
      }
      await using farm = await startFarm(options(folders, hop, 'queue.split=4', ...one));
      const { files } = await farm.waitForLog((line) => line.event === 'rehashed');
      assert.ok(Number(files) > 0);
      const mess = join(folders.var, 'queue', 'mess');
      const outside = readdirSync(mess).filter((bucket) => Number(bucket) >= 4);
      assert.deepEqual(
        outside.flatMap((bucket) => readdirSync(join(mess, bucket))),
        [],
      );
      await expectAll(farm, hop, accepted);
    } finally {
      await hop.sink.close();
      removeTemp(folders.root);
    }
  });

  it('that was copied elsewhere works there: no name in it is bound to a disk, a path or a process', async () => {
    const [here, there] = [makeFolders(), makeFolders()];
    const hop = await startHop();
    try {
      const one = ['farms.router.least=1', 'farms.router.most=1'];
      let accepted: string[];
      {
        await using farm = await startFarm(options(here, hop, ...one));
        accepted = await fill(farm);
      }
      execFileSync('cp', ['-a', join(here.var, 'queue'), there.var]);
      await using farm = await startFarm(options(there, hop, ...one));
      await expectAll(farm, hop, accepted);
    } finally {
      await hop.sink.close();
      removeTemp(here.root);
      removeTemp(there.root);
    }
  });
});
