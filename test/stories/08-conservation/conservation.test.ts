/**
 * Conservation, from the log lines alone: accepted + injected = removed + still queued, in distinct queue ids. What the lines say
 * is compared with what the queue really holds and what next hop and mailboxes really got. Over local and relayed mail, large
 * messages, lists, refusals, quarantine, bounces and mail that waits, while processes are killed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { makeFolders, startFarm, type Farm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { accountOf, type LogAccount } from '../../support/log-account.ts';
import { readLog } from '../../support/log-lines.ts';
import { readMaildir } from '../../support/maildir.ts';
import { signal } from '../../support/processes.ts';
import { ROOT } from '../../support/run.ts';
import { emptyLedger, sendMail, type SenderLedger } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const RECIPIENTS: readonly (readonly string[])[] = [
  ['anna@localhost'],
  ['bob@far.example'],
  ['anna@localhost', 'bob@far.example', 'carl@localhost'],
  ['team@localhost'],
  ['no@far.example'],
  ['no@far.example', 'bob@far.example'],
  ['later@far.example'],
  ['never@far.example', 'bob@far.example'],
  ['refused@localhost'],
  ['bob@far.example', 'carl@localhost'],
];

/** Some are large and get their own file, some are refused by a filter, some are put into quarantine. */
function contentOf(id: string, n: number): string {
  const name = n % 23 === 0 ? 'virus.exe' : n % 29 === 0 ? 'odd.zip' : 'plain.txt';
  const head = `Content-Type: application/octet-stream; name=${name}\r\n`;
  return head + makeContent(id, { size: n % 7 === 0 ? 12_000 : 300 });
}

function startHop(): Promise<Sink> {
  const putOff = new Set<string>();
  return startSink({
    onRcpt: (to) => (to.startsWith('no@') ? '550 5.1.1 no' : undefined),
    onData: (to, content) => {
      const key = `${to} ${/^X-Test-Id: .*/m.exec(content.toString('latin1'))?.[0]}`;
      if (to.startsWith('never')) return '451 4.3.0 never';
      if (!to.startsWith('later') || putOff.has(key)) return undefined;
      putOff.add(key);
      return '451 4.3.0 later';
    },
  });
}

/** Small files everywhere, so that segments end, are settled and go, and the log is rotated while the test runs. */
function optionsFor(sink: Sink, folders: Folders): FarmOptions {
  return {
    folders,
    set: [
      `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'domains.local=[localhost]',
      'mailboxes=[anna, bob, carl]',
      'listen.0.filters=[structure, odd]',
      'filters.structure.forbiddenNames=["*.exe"]',
      'filters.odd={kind: structure, forbiddenNames: ["*.zip"], action: quarantine}',
      'retry.times=[1s, 1h]',
      'lanes.perBin=2',
      'queue.inline=8KiB',
      'queue.segment=64KiB',
      'queue.segmentAge=300ms',
      'queue.linger=300ms',
      'log.maxSize=64KiB',
      'log.keep=1000',
      'farms.acceptor.least=2',
      'farms.smtp.least=2',
    ],
    etc: { aliases: 'team: anna, bob@far.example\n' },
    deadline: 60_000,
  };
}

describe('the log', () => {
  it('accounts for every message of an orderly farm, over a restart', async () => {
    await using scene = await openScene();
    for (const prefix of ['one', 'two']) {
      await using farm = await startFarm(scene.options);
      await scene.send(farm, { prefix, count: 120 });
      if (prefix === 'one') await farm.stop();
      else await check(scene, farm);
    }
  });

  it('accounts for every message although a worker of each kind is killed, again and again', async () => {
    await using scene = await openScene();
    await using farm = await startFarm(scene.options);
    let over = false;
    const sending = (async () => {
      for (let wave = 0; !over && wave < MOST_WAVES; wave += 1) {
        await scene.send(farm, { prefix: `wave${wave}`, count: 50 });
      }
    })();
    try {
      for (const victim of [...VICTIMS, 'acceptor', 'bounce', 'log', 'scheduler']) await killOne(farm, victim);
    } finally {
      over = true;
      await sending;
    }
    await check(scene, farm);
  });

  it('accounts for every message although the whole farm is killed at once, also while it injects', async () => {
    await using scene = await openScene();
    for (let round = 0; round < 3; round += 1) {
      await using farm = await startFarm(scene.options);
      let killing: Promise<void> | undefined;
      await scene.send(farm, {
        prefix: `round${round}`,
        count: 400,
        stopWhen: () => killing !== undefined,
        onAccepted: (count) => {
          if (count === 60 + 60 * round) killing = farm.killAll();
        },
      });
      assert.ok(killing, 'it was killed in the middle');
      await killing;
    }
    await using farm = await startFarm(scene.options);
    await scene.send(farm, { prefix: 'last', count: 40 });
    await check(scene, farm);
  });

  it('accounts for what commands do to the queue, whether a farm runs or not', async () => {
    await using scene = await openScene();
    {
      await using farm = await startFarm(scene.options);
      await scene.send(farm, {
        prefix: 'waits',
        count: 8,
        to: ['never@far.example'],
        content: (id) => makeContent(id),
      });
      await waitFor(() => isAtRest(farm), { deadline: 60_000, what: () => `only what waits\n${farm.tail()}` });
      await workOnQueue(farm, scene);
      await farm.stop();
      for (const to of ['anna@localhost', 'never@far.example']) {
        const sent = await farm.command('sendmail', ['-f', 'carl@localhost', to], { input: 'Subject: later\n\nx\n' });
        assert.equal(sent.status, 0, sent.stderr);
        assert.deepEqual(await differencesNow(farm, scene), [], 'after sendmail');
      }
      await workOnQueue(farm, scene);
      const [bounced = ''] = [...(await queuedIds(farm))];
      assert.equal((await farm.queueCli(['bounce', bounced])).status, 0);
    }
    await using farm = await startFarm(scene.options);
    await waitFor(() => isAtRest(farm), { deadline: 60_000, what: () => `only what waits\n${farm.tail()}` });
    assert.deepEqual(await differencesNow(farm, scene), []);
    await workOnQueue(farm, scene);
  });
});

/** Deletes, restores and bounces what waits, and checks after each step. */
async function workOnQueue(farm: Farm, scene: Scene): Promise<void> {
  const [first = '', second = ''] = [...(await queuedIds(farm))];
  const steps = [
    ['hold', first],
    ['delete', first],
    ['delete', second],
    ['restore', first],
    ['delete', first],
    ['restore', first],
    ['release', first],
  ];
  for (const step of steps) {
    const { status, stderr } = await farm.queueCli(step);
    assert.equal(status, 0, `${step.join(' ')}: ${stderr}`);
    assert.deepEqual(await differencesNow(farm, scene), [], `after ${step.join(' ')}`);
    assert.deepEqual(queuedByReadme(scene.folders), [...(await queuedIds(farm))].toSorted(), `after ${step.join(' ')}`);
  }
}

/** Of fifty messages each, while workers are killed. */
const MOST_WAVES = 200;
const VICTIMS = ['acceptor', 'injector', 'router', 'scheduler', 'smtp', 'bounce', 'maildir', 'log'];

/** Kills a worker of this farm and waits for another. An injector lives for a moment only: it comes when an acceptor dies. */
async function killOne(farm: Farm, victim: string): Promise<void> {
  if (victim === 'injector') return killInjector(farm);
  const { pid } = await waitFor(() => farm.workers(victim)[0], { what: `a worker of ${victim}\n${farm.tail()}` });
  signal(pid, 'SIGKILL');
  await waitFor(() => farm.workers(victim).some((worker) => worker.pid !== pid), { what: `a new ${victim}` });
}

async function killInjector(farm: Farm): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    await killOne(farm, 'acceptor');
    const found = await waitFor(() => farm.workers('injector')[0], { deadline: 3000 }).catch(() => undefined);
    if (found === undefined) continue;
    signal(found.pid, 'SIGKILL');
    const ended = await farm.waitForLog(({ event, worker }) => event === 'exited' && worker === found.name);
    if (ended['signal'] === 'SIGKILL') return;
  }
  assert.fail('no injector could be killed');
}

interface Scene extends AsyncDisposable {
  readonly folders: Folders;
  readonly options: FarmOptions;
  readonly sink: Sink;
  readonly ledger: SenderLedger;
  send(farm: Farm, how: Partial<Parameters<typeof sendMail>[0]>): Promise<unknown>;
}

async function openScene(): Promise<Scene> {
  const sink = await startHop();
  const folders = makeFolders();
  const ledger = emptyLedger();
  return {
    folders,
    options: optionsFor(sink, folders),
    sink,
    ledger,
    send: (farm, how) => {
      const to = (n: number): readonly string[] => RECIPIENTS[n % RECIPIENTS.length] ?? [];
      const basics = { port: farm.port, from: 'anna@localhost', to, content: contentOf, sessions: 4, perSession: 20 };
      return sendMail({ ...basics, deadline: 120_000, ledger, ...how });
    },
    async [Symbol.asyncDispose]() {
      await sink.close();
      removeTemp(folders.root);
    },
  };
}

/** When nothing moves any more: the law, and the lines against what is really there. */
async function check(scene: Scene, farm: Farm): Promise<void> {
  await waitFor(() => isAtRest(farm), { deadline: 120_000, what: () => `only what waits\n${farm.tail()}` });
  const held = await queuedIds(farm);
  await differencesNow(farm, scene);
  const account = accountOf(readLog(join(scene.folders.var, 'log'), { cut: true }));
  const { accepted, injected, removed, queued, reports } = account;
  const { ledger } = scene;
  console.log(
    `sender: accepted ${ledger.accepted.length}, unsure ${ledger.unsure.length}, refused ${ledger.refused.length}; log: accepted ` +
      `${accepted.size}, injected ${injected.size}, removed ${removed.size}, still queued ${queued.size}, reports ${reports.size}, ` +
      `in ${readdirSync(join(scene.folders.var, 'log')).length} files`,
  );
  assert.deepEqual(differences(account, held), []);
  assert.deepEqual(queuedByReadme(scene.folders), [...queued].toSorted());
  await checkBooks(farm);
  checkDeliveries(scene, account);
  assert.ok(ledger.refused.length > 0 && reports.size > 0 && queued.size > 0, 'of each kind there was one');
}

/** What the farm itself says of its recipients, and of every stage. */
async function checkBooks(farm: Farm): Promise<void> {
  const { stdout } = await farm.command('mailfarm', ['status']);
  const [, came = '', went = ''] = /^since [^:]+:\d\d:\d\d: (.*) = (.*)$/m.exec(stdout) ?? [];
  const sum = (text: string): number => (text.match(/\d+/g) ?? []).reduce((total, count) => total + Number(count), 0);
  assert.ok(sum(came) > 0 && sum(came) === sum(went), stdout);
  assert.deepEqual(
    farm.logLines().filter(({ event }) => event === 'imbalance'),
    [],
  );
}

/** The README has a command for it. */
function queuedByReadme(folders: Folders): string[] {
  const [, command = ''] = /```sh\n(ids\(\).*?)```/s.exec(readFileSync(`${ROOT}README.md`, 'utf8')) ?? [];
  const text = execFileSync('bash', ['-c', command], { cwd: folders.root, encoding: 'utf8' });
  return [...text.matchAll(/^"id":"(.*)"$/gm)].map(([, id = '']) => id);
}

/** The last lines are under way to the file for a moment. */
async function differencesNow(farm: Farm, { folders }: Scene): Promise<readonly string[]> {
  let found: string[] = [];
  const look = async (): Promise<boolean> => {
    found = differences(accountOf(readLog(join(folders.var, 'log'), { cut: true })), await queuedIds(farm));
    return found.length === 0;
  };
  await waitFor(look, { deadline: 10_000 }).catch(() => undefined);
  return found;
}

function differences({ queued, unheardOf }: LogAccount, held: ReadonlySet<string>): string[] {
  return [
    ...unheardOf.map((id) => `${id} was removed and never came`),
    ...[...queued].filter((id) => !held.has(id)).map((id) => `${id} is still queued by the log, and not in the queue`),
    ...[...held].filter((id) => !queued.has(id)).map((id) => `${id} is in the queue, and not by the log`),
  ];
}

/** Everything that was delivered came; everything that came was sent; and nothing else. */
function checkDeliveries({ folders, sink, ledger }: Scene, { accepted, injected, reports }: LogAccount): void {
  const came = new Set([...accepted, ...injected]);
  const boxes = ['anna', 'carl'].map((name) => join(folders.var, 'mail', 'localhost', name));
  const delivered = [...sink.ledger, ...boxes.flatMap(readMaildir)].map(({ content }) => idIn(content));
  const made = new Set([...reports, ...delivered.flatMap(({ report }) => report ?? [])]);
  const strangers = delivered.filter(({ report, id = '' }) => !came.has(report ?? id));
  assert.deepEqual(strangers, [], 'delivered, and by the log it never came');
  const own = [...came].filter((id) => !made.has(id)).length;
  const [least, most] = [ledger.accepted.length, ledger.accepted.length + ledger.unsure.length];
  assert.ok(least <= own && own <= most, `${own} came by the log, between ${least} and ${most} were sent`);
}

/** Its queue id, from our Received line, or that of a report, from its Message-ID. */
function idIn(content: Buffer): { readonly id?: string | undefined; readonly report?: string | undefined } {
  const text = content.toString('latin1', 0, 4000);
  const report = /^From: Mail Delivery System/m.test(text)
    ? /^Message-ID: <([0-9a-z]{19})@/m.exec(text)?.[1]
    : undefined;
  return { id: /\bid ([0-9a-z]{19})\b/.exec(text)?.[1], report };
}

interface Listed {
  readonly id: string;
  readonly recipients: readonly { readonly state: string; readonly until?: number | string }[];
}

async function list(farm: Farm): Promise<Listed[]> {
  const { stdout, stderr, status } = await farm.queueCli(['list', '--json']);
  assert.equal(status, 0, stderr);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Listed);
}

async function queuedIds(farm: Farm): Promise<ReadonlySet<string>> {
  return new Set((await list(farm)).map(({ id }) => id));
}

/** What is left is held, or waits for an hour, and nobody is at work. */
async function isAtRest(farm: Farm): Promise<boolean> {
  if (farm.workers('injector').length > 0) return false;
  const soon = Date.now() + 30 * 60_000;
  return (await list(farm)).every(({ recipients }) =>
    recipients.every(
      ({ state, until }) => state === 'held' || (until !== undefined && new Date(until).getTime() > soon),
    ),
  );
}
