/**
 * Conservation, from the log lines alone: what was received, or made by the farm itself, is what was removed and what is
 * still queued. Over local mail, relayed mail, lists, refusals, bounces and mail that waits, with a crash in the middle.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

interface Balance {
  /** Ids that came into the queue: received from outside, or made here (bounces). */
  readonly came: Set<string>;
  readonly removed: Set<string>;
}

function balanceOf(lines: readonly LogLine[]): Balance {
  const came = new Set<string>();
  const removed = new Set<string>();
  for (const line of lines) {
    if (line.event === 'received' && line.id !== undefined) came.add(line.id);
    if (line.event === 'bounced' && typeof line['report'] === 'string') came.add(line['report']);
    if (line.event === 'removed' && line.id !== undefined) {
      assert.ok(!removed.has(line.id), `${line.id} was removed twice`);
      removed.add(line.id);
    }
  }
  return { came, removed };
}

async function queuedIds(farm: Farm): Promise<Set<string>> {
  const { stdout, stderr, status } = await farm.queueCli(['list', '--json']);
  assert.equal(status, 0, stderr);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Set(lines.map((line) => (JSON.parse(line) as { id: string }).id));
}

const RECIPIENTS: readonly (readonly string[])[] = [
  ['anna@localhost'],
  ['bob@far.example'],
  ['anna@localhost', 'bob@far.example', 'carl@localhost'],
  ['team@localhost'],
  ['no@far.example'],
  ['no@far.example', 'bob@far.example'],
  ['later@far.example'],
  ['never@far.example', 'bob@far.example'],
];

describe('the log', () => {
  it('accounts for every message: accepted and made = removed and still queued', async () => {
    const refusedOnce = new Set<string>();
    await using sink = await startSink({
      onRcpt: (to) => (to.startsWith('no@') ? '550 5.1.1 no' : undefined),
      onData: (to, content) => {
        const key = `${to} ${content.toString('latin1').match(/^X-Test-Id: .*/m)?.[0]}`;
        if (to.startsWith('never')) return '451 4.3.0 never';
        if (!to.startsWith('later') || refusedOnce.has(key)) return undefined;
        refusedOnce.add(key);
        return '451 4.3.0 later';
      },
    });
    const folders = makeFolders();
    try {
      const options = {
        folders,
        set: [
          `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          'domains.local=[localhost]',
          'retry.times=[1s, 1h]',
          'lanes.perBin=2',
        ],
        etc: { aliases: 'team: anna, bob@far.example\n' },
      };
      let accepted = 0;
      {
        await using farm = await startFarm(options);
        accepted += (await send(farm, 'one')).length;
        await farm.stop();
      }
      await using farm = await startFarm(options);
      accepted += (await send(farm, 'two')).length;
      const { came, removed, queued } = await waitFor(() => settle(farm), {
        what: () => `nothing but what waits\n${farm.tail()}`,
      });
      console.log(`accepted ${accepted}, came ${came.size}, removed ${removed.size}, queued ${queued.size}`);
      assert.ok(came.size > accepted, 'bounces were made');
      assert.ok(queued.size > 0, 'some wait');
      assert.deepEqual(
        [...removed].filter((id) => !came.has(id)),
        [],
        'removed what never came',
      );
      assert.deepEqual(new Set([...removed, ...queued]), came);
    } finally {
      removeTemp(folders.root);
    }
  });

  async function send(farm: Farm, prefix: string): Promise<readonly string[]> {
    const to = (n: number): readonly string[] => RECIPIENTS[n % RECIPIENTS.length] ?? [];
    return (await sendMail({ port: farm.port, from: 'anna@localhost', to, count: 160, sessions: 4, prefix })).accepted;
  }

  /** The balance once only what is deferred to never is left: in the queue, and by the log, whose lines may come in any order. */
  async function settle(farm: Farm): Promise<(Balance & { readonly queued: Set<string> }) | false> {
    const queued = await queuedIds(farm);
    const balance = balanceOf(farm.logLines());
    const left = 2 * (160 / RECIPIENTS.length);
    const gone = [...balance.removed, ...queued];
    const whole = gone.length === balance.came.size && gone.every((id) => balance.came.has(id));
    return queued.size === left && whole && { ...balance, queued };
  }
});
