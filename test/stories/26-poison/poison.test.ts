/** A message over which workers die: it is held after three deaths, with the reason, and all others are delivered. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

describe('a message that kills', () => {
  it('is held; the rest is delivered, and an operator may release it', async () => {
    let farm: Farm | undefined;
    let deaths = 0;
    let deadly = true;
    await using sink = await startSink({
      onRcpt: (to) => {
        if (to !== 'poison@far.example' || !deadly) return undefined;
        deaths += 1;
        for (const { pid } of farm?.workers('smtp') ?? []) signal(pid, 'SIGKILL');
        return undefined;
      },
    });
    farm = await startFarm({
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'retry.times=[1s]',
        'lanes.perBin=1',
        'lanes.depth=1',
      ],
    });
    await using whole = farm;
    const to = (n: number): readonly string[] => [n === 3 ? 'poison@far.example' : 'bob@far.example'];
    const { accepted } = await sendMail({ port: whole.port, to, count: 30 });
    const held = await whole.waitForLog((line) => line.event === 'held');
    await waitFor(() => sink.counts().size >= accepted.length - 1, { what: () => `the rest\n${whole.tail()}` });
    assert.equal(deaths, 3, JSON.stringify(held));
    const list = await whole.queueCli(['list', '--json']);
    assert.match(list.stdout, /poison@far\.example/);
    assert.equal(list.stdout.trim().split('\n').length, 1, list.stdout);
    deadly = false;
    assert.equal((await whole.queueCli(['release', '--all'])).status, 0);
    await whole.drained();
    const counts = sink.counts();
    assert.deepEqual(
      accepted.filter((id) => counts.get(id) !== 1),
      [],
    );
  });
});
