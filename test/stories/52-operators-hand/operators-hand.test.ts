/** An operator asks a whole farm why mail waits, works on what he chooses, and undoes it; then the farm stops, and he asks again. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

interface Told {
  readonly id: string;
  readonly farm?: string;
  readonly cause?: string;
  readonly text: string;
  readonly groups: readonly {
    readonly cause: string;
    readonly ahead?: number;
    readonly advice: readonly { readonly command: string }[];
  }[];
}

async function why(farm: Farm, ...args: readonly string[]): Promise<readonly Told[]> {
  const { stdout } = await farm.queueCli(['why', '--json', ...args]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told);
}

/** Waits until the causes of all messages that are chosen are these, in any order; answers the oldest message first. */
async function causes(farm: Farm, wanted: readonly string[], ...args: readonly string[]): Promise<readonly Told[]> {
  let told: readonly Told[] = [];
  const same = async (): Promise<boolean> => {
    told = (await why(farm, ...args)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const found = told.flatMap(({ groups }) => groups.map(({ cause }) => cause));
    return found.toSorted().join() === wanted.toSorted().join();
  };
  await waitFor(same, { what: () => `${wanted.join(', ')}; last: ${JSON.stringify(told)}\n${farm.tail()}` });
  return told;
}

async function idsOf(farm: Farm, ...args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await farm.queueCli(['list', '--json', ...args]);
  const lines = stdout.split('\n').filter(Boolean);
  return lines.map((line) => (JSON.parse(line) as { id: string }).id).toSorted();
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the hand of an operator', () => {
  it('is told why mail for a dead host waits, also what was never tried, and reaches it by hop and by reply', async () => {
    const port = await closedPort();
    await using farm = await startFarm({
      set: [`routes=[{match: dead.example, via: "smtp:[127.0.0.1]:${port}"}]`, 'retry.times=[1h]'],
    });
    await sendMail({ port: farm.port, to: ['first@dead.example'] });
    await causes(farm, ['hop-waits'], '--recipient', 'first@*');
    await sendMail({ port: farm.port, to: ['second@dead.example'] });
    const [second] = await causes(farm, ['hop-waits'], '--recipient', 'second@*');
    assert.match(
      second?.text ?? '',
      /never tried yet\. All mail for smtp \[127\.0\.0\.1\]:\d+ waits, because the last attempt failed with “4\d\d .*”; one lane probes it in (?:59m|1h)/,
    );
    assert.deepEqual(second?.groups[0]?.advice, [{ command: `queue retry ${second?.id}`, does: 'probes it now' }]);
    const all = await idsOf(farm);
    assert.equal(all.length, 2);
    for (const args of [
      ['--hop', `[127.0.0.1]:${port}`],
      ['--hop', 'smtp *'],
      ['--reply', '4*'],
      ['--not', 'hop=mx:*'],
    ]) {
      assert.deepEqual(await idsOf(farm, ...args), all, args.join(' '));
    }
    for (const args of [
      ['--hop', 'mx:*'],
      ['--not', 'reply=4*'],
      ['--reply', '4*', '--tenant', 'anna'],
    ])
      assert.deepEqual(await idsOf(farm, ...args), [], args.join(' '));
    const { stdout } = await farm.queueCli(['summary', '--by', 'hop']);
    assert.match(stdout, new RegExp(`^smtp \\[127\\.0\\.0\\.1\\]:${port} +2 +2 `, 'm'));
    const held = await farm.queueCli(['hold', '--hop', `*:${port}`, '--not', 'recipient=first@*', '--quiet']);
    assert.equal(held.stdout, '1 message held\n');
    await causes(farm, ['hop-waits', 'held'], '--domain', 'dead.example');
    const deleted = await farm.queueCli(['delete', '--reply', '4*']);
    const operation =
      /--operation ([0-9a-z]{19})/.exec(deleted.stdout)?.[1] ?? assert.fail(deleted.stdout + deleted.stderr);
    const [gone] = await why(farm, all[0] ?? '');
    assert.deepEqual([gone?.cause, (await idsOf(farm)).length], ['deleted', 1]);
    await farm.queueCli(['restore', '--operation', operation]);
    await causes(farm, ['hop-waits', 'held'], '--domain', 'dead.example');
    await farm.stop();
    const stopped = await causes(farm, ['no-farm', 'held'], '--domain', 'dead.example');
    assert.match(stopped[0]?.text ?? '', new RegExp(`tried once, .* No farm runs on ${farm.var}`));
  });

  it('is told who is in delivery, who is before whom, and how it ended', async () => {
    const gate = Promise.withResolvers<undefined>();
    await using sink = await startSink({ onRcpt: () => gate.promise });
    await using farm = await startFarm({
      set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'lanes.perBin=1', 'lanes.depth=1'],
    });
    await sendMail({ port: farm.port, to: ['bob@slow.example'], count: 4 });
    const told = await causes(farm, ['in-delivery', 'turn', 'turn', 'turn'], '--domain', 'slow.example');
    const places = told.flatMap(({ groups, text }) => groups.map(({ ahead }) => ({ ahead, text })));
    const last = places.toSorted((a, b) => (a.ahead ?? -1) - (b.ahead ?? -1));
    assert.deepEqual(
      last.map(({ ahead }) => ahead),
      [undefined, 0, 1, 2],
    );
    assert.match(last[3]?.text ?? '', /2 others are before it; 1 in delivery over 1 lane\./);
    gate.resolve(undefined);
    await farm.drained();
    const id = told[0]?.id ?? '';
    await farm.waitForLog((line) => line.event === 'removed' && line.id === id);
    const [ended] = await why(farm, id);
    assert.equal(ended?.cause, 'finished');
    assert.match(ended.text, /left the queue at .* bob@slow\.example was delivered by .* \(“250 /);
  });

  it('has as long to undo a deletion as the deleted queue keeps it', async () => {
    const folders = makeFolders();
    try {
      const set = [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${await closedPort()}"}]`, 'retry.times=[1h]'];
      const deletedIn = (): readonly string[] => readdirSync(join(folders.var, 'queue', 'deleted'));
      let id = '';
      for (const keep of ['0', '7d']) {
        await using farm = await startFarm({ folders, set: [...set, `queue.deletedFor=${keep}`] });
        if (id === '') {
          await sendMail({ port: farm.port, to: ['bob@dead.example'] });
          await causes(farm, ['hop-waits'], '--domain', 'dead.example');
          [id = ''] = await idsOf(farm);
          assert.equal((await farm.queueCli(['delete', id])).status, 0);
        }
        await farm.waitForLog((line) => line.event === 'injection-done' && line['mode'] === 'start');
        await farm.stop();
        assert.ok(deletedIn().includes(id), `kept for ${keep}`);
      }
      await using farm = await startFarm({ folders, set: [...set, 'queue.deletedFor=1ms'] });
      await farm.waitForLog((line) => line.event === 'purged' && line.id === id);
      await waitFor(() => deletedIn().length === 0, { what: () => `an empty folder: ${deletedIn().join(' ')}` });
      const [told] = await why(farm, id);
      assert.equal(told?.cause, 'purged');
      assert.match(told.text, /removed for good at /);
      assert.equal((await farm.queueCli(['restore', id])).status, 66);
    } finally {
      removeTemp(folders.root);
    }
  });
});
