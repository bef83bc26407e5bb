/** The commands against a whole farm. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../src/base/sysexits.ts';
import { startFarm, type Farm } from '../../support/farm.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { waitFor } from '../../support/wait.ts';
import { parseLines, type ListedMessage } from './queue-fixture.ts';

/** Mail for dead.example waits; the farm runs as it is shipped otherwise. */
const DEAD = `hostname: host.example
listen: [ { address: "127.0.0.1:0", role: submission } ]
routes: [ { match: "dead.example", via: "smtp:[127.0.0.1]:9" } ]
`;

const TAKEN_OVER = 'taken over; workers are being replaced one after another (mailfarm status shows them)\n';

function start(): Promise<Farm> {
  return startFarm({ etc: { 'mailfarm.yaml': DEAD } });
}

async function list(farm: Farm, ...args: readonly string[]): Promise<readonly ListedMessage[]> {
  return parseLines((await farm.queueCli(['list', '--json', ...args])).stdout) as readonly ListedMessage[];
}

async function send(farm: Farm, ...to: readonly string[]): Promise<void> {
  const ran = await farm.command('sendmail', ['-f', 'ann@localhost', ...to], { input: 'Subject: live\n\nx\n' });
  assert.equal(ran.status, EX.OK, ran.stderr);
}

/** Sends to dead.example and waits until the first attempt failed. */
async function sendDeferred(farm: Farm): Promise<string> {
  await send(farm, 'bob@dead.example');
  const [message] = await waitFor(async () => {
    const found = await list(farm, '--state', 'deferred');
    return found.length > 0 && found;
  });
  assert.ok(message);
  return message.id;
}

test('sendmail hands over to the farm, and the queue is empty soon', async () => {
  await using farm = await start();
  await send(farm, 'ann@localhost');
  await farm.drained();
});

test('hold keeps a message from the farm until release; bounce ends it', async () => {
  await using farm = await start();
  const id = await sendDeferred(farm);
  assert.equal((await farm.queueCli(['hold', id, '--reason', 'wait'])).stdout, `${id}  held\n1 message held\n`);
  assert.equal((await list(farm, id))[0]?.state, 'held');
  assert.equal((await farm.queueCli(['release', id])).status, EX.OK);
  assert.notEqual((await list(farm, id))[0]?.state, 'held');
  assert.equal((await farm.queueCli(['retry', '--domain', 'dead.example'])).status, EX.OK);
  const bounced = await farm.queueCli(['bounce', id, '--reason', 'enough']);
  assert.equal(bounced.status, EX.OK, bounced.stderr);
  await farm.waitForLog((line) => line.event === 'bounced' && line.id === id);
  await farm.drained();
  const trace = await farm.queueCli(['trace', id]);
  for (const event of ['received', 'routed', 'attempt', 'held', 'released', 'retried', 'given-up', 'bounced']) {
    assert.match(trace.stdout, new RegExp(` ${event} ${id}`), event);
  }
  const same = await farm.command('mailfarm', ['trace', id]);
  assert.equal(same.status, EX.OK, same.stderr);
  assert.match(same.stdout, new RegExp(` bounced ${id}`), 'mailfarm trace shows the same');
});

test('delete takes a message out of the running farm, restore gives it back to work', async () => {
  await using farm = await start();
  const id = await sendDeferred(farm);
  const deleted = await farm.queueCli(['delete', id]);
  assert.equal(deleted.status, EX.OK, deleted.stderr);
  assert.deepEqual(await list(farm), []);
  await farm.drained();
  const restored = await farm.queueCli(['restore', id]);
  assert.equal(restored.status, EX.OK, restored.stderr);
  assert.equal((await list(farm, id))[0]?.id, id);
  const tries = (): number => farm.logLines().filter((line) => line.event === 'attempt' && line.id === id).length;
  const before = tries();
  assert.equal((await farm.queueCli(['retry', id])).status, EX.OK);
  await waitFor(() => tries() > before, { what: () => `another attempt\n${farm.tail()}` });
});

test('status tells of farms, workers and bins', async () => {
  await using farm = await start();
  await sendDeferred(farm);
  const ran = await farm.command('mailfarm', ['status', '--workers']);
  assert.equal(ran.status, EX.OK, ran.stderr);
  assert.match(ran.stdout, new RegExp(`listens at: 127\\.0\\.0\\.1:${farm.port}`));
  assert.match(ran.stdout, /^acceptor +1 +1 +1 /m);
  assert.match(ran.stdout, /^injector .* runs at the start and after a crash$/m);
  assert.match(ran.stdout, /^scheduler-1 +\d+ +\d+[sm] +ready/m);
  assert.match(ran.stdout, /^smtp \[127\.0\.0\.1\]:9 +\d/m);
  const [json] = parseLines((await farm.command('mailfarm', ['status', '--json'])).stdout) as readonly {
    readonly ok: boolean;
    readonly farms: readonly unknown[];
    readonly scheduler: { readonly bins: readonly unknown[] };
  }[];
  assert.ok(json?.ok && json.farms.length >= 8 && json.scheduler.bins.length >= 1);
});

test('resize and reload change the running farm; a wrong configuration does not', async () => {
  await using farm = await start();
  const resized = await farm.command('mailfarm', ['resize', 'acceptor', '3:4']);
  assert.deepEqual([resized.status, resized.stderr], [EX.OK, '']);
  await waitFor(() => farm.workers('acceptor').length === 3);
  const reloaded = await farm.command('mailfarm', ['reload']);
  assert.deepEqual([reloaded.status, reloaded.stdout, reloaded.stderr], [EX.OK, TAKEN_OVER, '']);
  writeFileSync(path.join(farm.etc, 'mailfarm.yaml'), 'limits: { hops: many }\n');
  const refused = await farm.command('mailfarm', ['reload']);
  assert.equal(refused.status, EX.CONFIG);
  assert.match(refused.stderr, /^mailfarm: the configuration was not taken over; .*\n.*limits\.hops/);
  // Right in itself: the port is taken.
  const listener = (port: number): string => `{ address: "127.0.0.1:${port}", role: submission }`;
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  // The farm's own options name its first listener.
  writeFileSync(path.join(farm.etc, 'mailfarm.yaml'), `listen: [ ${listener(0)}, ${listener(port)} ]\n`);
  const inUse = await farm.command('mailfarm', ['reload']);
  taken.close();
  assert.equal(inUse.status, EX.CONFIG);
  assert.match(inUse.stderr, new RegExp(`^mailfarm: the configuration was not taken over; .*\n.*${port}.* in use`));
  await send(farm, 'ann@localhost');
  await farm.drained();
});

test('status of a farm that stops says so, and which farms have ended', async () => {
  await using farm = await start();
  const session = await SmtpSession.open(farm.port);
  for (const line of ['MAIL FROM:<ann@localhost>', 'RCPT TO:<ann@localhost>', 'DATA']) await session.say(line);
  const asked = await farm.command('mailfarm', ['stop', '--no-wait']);
  assert.deepEqual([asked.status, asked.stdout], [EX.OK, 'the farm finishes what it holds and stops\n']);
  const { stdout } = await waitFor(async () => {
    const ran = await farm.command('mailfarm', ['status']);
    return /, stopping, up /.test(ran.stdout) && ran;
  });
  assert.match(stdout, /^acceptor .* stopping$/m);
  assert.match(stdout, /^filter +0 .* stopped$/m);
  assert.doesNotMatch(stdout, /starting| ok$/m);
  assert.equal((await session.say('Subject: last\r\n\r\nx\r\n.')).code, 250);
  session.socket.destroy();
  assert.equal(await farm.ended, 0);
});

test('stop stops in order; then everything says that no farm runs, and mail is queued on disk', async () => {
  await using farm = await start();
  const stop = await farm.command('mailfarm', ['stop']);
  // Nothing is waited for here: the command has done that.
  assert.deepEqual(farm.workers(), []);
  assert.deepEqual([stop.status, stop.stderr], [EX.OK, '']);
  assert.match(
    stop.stdout,
    /^the farm finishes what it holds; waiting for the lock on \/.*, 45 seconds at most\nstopped\n$/,
  );
  assert.equal(await farm.ended, 0);
  for (const args of [['status'], ['reload'], ['resize', 'smtp', '1'], ['stop']]) {
    const ran = await farm.command('mailfarm', args);
    assert.equal(ran.status, EX.UNAVAILABLE);
    assert.match(ran.stderr, /^mailfarm: no farm runs on \//);
  }
  await send(farm, 'ann@localhost');
  assert.equal(await farm.queued(), 1);
  await farm.start();
  await farm.drained();
});

test('mail flows in while the supervisor is stopped', async () => {
  await using farm = await start();
  // The first message starts a maildir worker, which only the supervisor can do.
  await send(farm, 'ann@localhost');
  await farm.drained();
  farm.signal('SIGSTOP');
  await send(farm, 'ann@localhost');
  await farm.drained();
  const status = await farm.command('mailfarm', ['status']);
  assert.equal(status.status, EX.TEMPFAIL);
  assert.match(status.stderr, /does not answer/);
});
