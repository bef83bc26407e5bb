/**
 * `mailfarm drill` on a farm that works for others meanwhile: it finds nothing lost where nothing is lost, finds what somebody
 * took out of the queue, and leaves the mail of others alone.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { signal } from '../../support/processes.ts';
import { ROOT, type Ran } from '../../support/run.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

interface Report {
  readonly ending: string;
  readonly stopped: boolean;
  readonly seed: number;
  readonly signal: string;
  readonly run: string;
  readonly tookMs: number;
  readonly sent: number;
  readonly accepted: number;
  readonly once: number;
  readonly twiceUnderWay: number;
  readonly twiceWithoutNeed: number;
  readonly lost: readonly { readonly number: number; readonly id: string }[];
  readonly queued: readonly { readonly number: number; readonly id: string }[];
  readonly phantoms: number;
  readonly damaged: number;
  readonly deleted: number;
  readonly kills: readonly {
    readonly farm: string;
    readonly worker: string;
    readonly pid: number;
    readonly atMs: number;
    readonly replacedMs: number;
    readonly deliverPauseMs?: number;
  }[];
}

function reportOf(ran: Ran): Report {
  const lines = ran.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 1, `${ran.status} ${ran.stdout} ${ran.stderr}`);
  return JSON.parse(lines[0] ?? '') as Report;
}

/** The command answers with a report; its text is in what fails. */
async function drill(farm: Farm, ...args: readonly string[]): Promise<{ readonly ran: Ran; readonly report: Report }> {
  const ran = await farm.command('mailfarm', ['drill', '--json', ...args], { deadline: 240_000 });
  return { ran, report: reportOf(ran) };
}

function assertNothingLost(report: Report): void {
  const { lost, queued, phantoms, damaged, twiceWithoutNeed } = report;
  assert.deepEqual(
    { lost, queued, phantoms, damaged, twiceWithoutNeed },
    {
      lost: [],
      queued: [],
      phantoms: 0,
      damaged: 0,
      twiceWithoutNeed: 0,
    },
  );
  assert.ok(report.accepted > 0);
  assert.equal(report.accepted, report.once + report.twiceUnderWay);
  assert.equal(report.ending, 'ok');
}

/** A next hop at which nobody listens: mail for it stays. */
const NOBODY = 'routes=[{match: far.example, via: "smtp:[127.0.0.1]:1"}]';
const FARMS = ['acceptor', 'router', 'filter', 'smtp'];

describe('a drill', () => {
  it('kills workers, finds nothing lost, and others get their mail once', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [
        `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'listen.0.filters=[structure]',
        'retry.times=[1s]',
        ...FARMS.map((name) => `farms.${name}.least=2`),
      ],
    });
    const ledger = emptyLedger();
    let over = false;
    const drilling = drill(farm, '--for', '6s', '--every', '1s', '--kill', 'acceptor,router,filter', '--seed', '5');
    void drilling.finally(() => (over = true)).catch(() => {});
    const others = sendMail({
      port: farm.port,
      to: ['bob@far.example'],
      count: 100_000,
      perSession: 5,
      ledger,
      stopWhen: () => over,
    });
    const { ran, report } = await drilling;
    await others;
    assertNothingLost(report);
    assert.equal(ran.status, 0);
    assert.equal(report.seed, 5);
    assert.ok(report.kills.length > 0);
    for (const kill of report.kills) {
      assert.ok(['acceptor', 'router', 'filter'].includes(kill.farm), kill.farm);
      const ended = await farm.waitForLog((line) => line.event === 'exited' && line.worker === kill.worker);
      assert.equal(ended['why'], 'drill');
      assert.ok(kill.replacedMs > 0);
    }
    await farm.drained();
    const counts = sink.counts();
    assert.ok(ledger.accepted.length > 0);
    for (const id of ledger.accepted) assert.equal(counts.get(id), 1, id);
    const known = new Set([...ledger.accepted, ...ledger.unsure]);
    assert.deepEqual(
      [...counts.keys()].filter((id) => !known.has(id)),
      [],
    );
    assert.equal(existsSync(join(farm.var, 'run/drill.json')), false);
  });

  it('kills transports and the scheduler, too', async () => {
    await using farm = await startFarm({ set: ['farms.smtp.least=2', 'retry.times=[1s]'] });
    const first = await drill(farm, '--for', '4s', '--every', '500ms', '--kill', 'smtp', '--rate', '50/s');
    assertNothingLost(first.report);
    assert.ok(first.report.kills.some((kill) => kill.farm === 'smtp'));
    const second = await drill(farm, '--for', '2s', '--every', '500ms', '--kill', 'scheduler');
    assertNothingLost(second.report);
    assert.ok((second.report.kills[0]?.deliverPauseMs ?? 0) > 0);
    const orderly = await drill(
      farm,
      '--for',
      '2s',
      '--every',
      '500ms',
      '--kill',
      'acceptor,router',
      '--signal',
      'term',
    );
    assertNothingLost(orderly.report);
    assert.equal(orderly.report.signal, 'TERM');
    assert.equal(orderly.report.twiceUnderWay, 0);
  });

  it('reports what somebody took out of the queue as lost, and deletes what is left of it', async () => {
    await using farm = await startFarm({ set: ['farms.smtp.workers=1', 'lanes.perBin=1', 'lanes.depth=1'] });
    const worker = await farm.worker('smtp');
    signal(worker.pid, 'SIGSTOP');
    const drilling = drill(
      farm,
      '--messages',
      '20',
      '--rate',
      '40',
      '--kill',
      'router',
      '--every',
      '10m',
      '--wait',
      '10s',
    );
    await waitFor(async () => (await farm.queued()) >= 15, { what: () => `a queue\n${farm.tail()}` });
    const { stdout } = await farm.queueCli(['delete', '--domain', 'drill.invalid', '--limit', '3', '--json']);
    const taken = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly id: string; readonly done: boolean })
      .filter(({ done }) => done)
      .map(({ id }) => id);
    assert.ok(taken.length > 0, stdout);
    signal(worker.pid, 'SIGCONT');
    const { ran, report } = await drilling;
    assert.equal(ran.status, 70);
    assert.equal(report.ending, 'failed');
    assert.deepEqual(report.lost.map(({ id }) => id).toSorted(), taken.toSorted());
    await farm.drained();
  });

  it('deletes its own mail where it does not leave, says that this proves nothing, and leaves that of others', async () => {
    await using farm = await startFarm({ set: ['farms.smtp.workers=1', 'lanes.perBin=1', 'lanes.depth=1', NOBODY] });
    const worker = await farm.worker('smtp');
    signal(worker.pid, 'SIGSTOP');
    await sendMail({ port: farm.port, to: ['bob@far.example'], count: 3 });
    const few = ['--messages', '10', '--rate', '40', '--wait', '1s'];
    const { ran, report } = await drill(farm, ...few, '--kill', 'router', '--every', '10m');
    signal(worker.pid, 'SIGCONT');
    assert.equal(ran.status, 75);
    assert.equal(report.ending, 'unsettled');
    assert.ok(report.deleted > 0);
    assert.equal(report.queued.length, 10);
    // What was in the stopped worker's hands fails there, now that no such drill runs.
    await waitFor(async () => (await farm.queueCli(['count', '--domain', 'drill.invalid'])).stdout.startsWith('0'), {
      what: () => `the end of the drill's mail\n${farm.tail()}`,
    });
    assert.equal(await farm.queued(), 3);
  });

  it('is one at a time, ends in order on Ctrl-C, and never kills the supervisor', async () => {
    await using farm = await startFarm();
    const refused = await farm.command('mailfarm', ['drill', '--kill', 'router,supervisor']);
    assert.equal(refused.status, 64);
    assert.match(refused.stderr, /never the supervisor/);
    const child = spawn(`${ROOT}bin/mailfarm`, ['drill', '--for', '10m', '--every', '10m'], {
      env: { ...process.env, MAILFARM_ETC: farm.etc, MAILFARM_VAR: farm.var },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    try {
      await farm.waitForLog((line) => line.event === 'removed');
      const second = await farm.command('mailfarm', ['drill']);
      assert.equal(second.status, 75);
      assert.match(second.stderr, /another drill runs/);
      child.kill('SIGINT');
      assert.equal(await ended, 0, said);
      assert.match(said, /stopped early/);
      assert.match(said, /^OK: all \d+ accepted messages arrived, 0 kills$/m);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('that does not run leaves its addresses to nobody', async () => {
    await using farm = await startFarm();
    await sendMail({ port: farm.port, from: '', to: [`${'0'.repeat(32)}@drill.invalid`] });
    const attempt = await farm.waitForLog((line) => line.event === 'attempt');
    assert.match(JSON.stringify(attempt), /no such drill runs/);
    await farm.drained();
  });
});
