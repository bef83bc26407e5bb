/** A next hop that is down for days: few connections whatever waits for it, one warning, one bounce at the end. Days pass by a clock in our hands. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { makeTestClock } from '../../support/shims/clock.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor, waitForQuiet } from '../../support/wait.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WAITING = 10_000;

interface DeadHost extends AsyncDisposable {
  readonly port: number;
  connects: number;
}

/** Takes connections, to count them, and ends them at once. */
async function startDeadHost(): Promise<DeadHost> {
  const server = net.createServer((socket) => {
    host.connects += 1;
    socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const host: DeadHost = {
    port,
    connects: 0,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return host;
}

function mailToSender(farm: Farm): string[] {
  return readMaildir(join(farm.var, 'mail', 'localhost', 'anna')).map((one) => one.content.toString());
}

/** How often the scheduler heard that the host is down, and had all its mail wait. */
function troubles(farm: Farm): number {
  return farm.logLines().filter((line) => line.event === 'bin-waits').length;
}

async function idOf(farm: Farm, recipient: string): Promise<string> {
  const { stdout } = await farm.queueCli(['list', '--recipient', recipient, '--json']);
  return (JSON.parse(stdout.split('\n')[0] ?? '') as { id: string }).id;
}

describe('a next hop that is down for days', () => {
  it('costs the sender one warning and one bounce', async () => {
    await using dead = await startDeadHost();
    const clock = makeTestClock();
    await using farm = await startFarm({
      env: clock.env,
      set: [
        `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${dead.port}"}]`,
        'domains.local=[localhost]',
        'retry.times=[15m, 1h, 4h]',
        'retry.lifetime=5d',
        'retry.warnAfter=4h',
      ],
    });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example'] });
    await waitFor(() => troubles(farm) > 0, { what: () => `a first attempt\n${farm.tail()}` });
    const kinds: string[] = [];
    for (let hours = 0; hours < 6 * 24 && !kinds.includes('failed'); hours += 4) {
      const soFar = troubles(farm);
      clock.lapse(4.5 * HOUR);
      // Each time it is tried again, or given up.
      await waitFor(() => troubles(farm) > soFar || mailToSender(farm).some((text) => /^Action: failed/im.test(text)), {
        what: () => `an attempt, ${hours} hours later\n${farm.tail()}`,
      });
      if (hours < 4) await waitFor(() => mailToSender(farm).length > 0, { what: () => `a warning\n${farm.tail()}` });
      kinds.splice(0, Infinity, ...mailToSender(farm).map((text) => /^Action: (\S+)/im.exec(text)?.[1] ?? 'none'));
    }
    assert.deepEqual(kinds.toSorted(), ['delayed', 'failed']);
    await farm.drained();
    assert.ok(dead.connects <= 60, `${dead.connects} connections in five days`);
    assert.equal(mailToSender(farm).length, 2);
  });

  it('is the reason that queue tells for all its mail, also for what was never tried', async () => {
    await using dead = await startDeadHost();
    await using farm = await startFarm({
      set: [`routes=[{match: far.example, via: "smtp:[127.0.0.1]:${dead.port}"}]`, 'retry.times=[1h]'],
    });
    await sendMail({ port: farm.port, to: ['first@far.example'] });
    await waitFor(() => troubles(farm) > 0, { what: () => `a first attempt\n${farm.tail()}` });
    await sendMail({ port: farm.port, to: ['second@far.example'] });
    const lineOf = async (verb: string): Promise<string> => {
      const { stdout } = await farm.queueCli(
        verb === 'list' ? ['list'] : [verb, await idOf(farm, 'second@far.example')],
      );
      return stdout.split('\n').find((line) => line.includes('second@far.example') && line.includes('waiting')) ?? '';
    };
    await waitFor(async () => (await lineOf('list')).includes('in '), { what: () => `its next time\n${farm.tail()}` });
    for (const verb of ['list', 'show', 'trace']) {
      assert.match(await lineOf(verb), /waiting .*in (?:59m|1h).*127\.0\.0\.1\]:\d+/, verb);
    }
    const [json] = (await farm.queueCli(['list', '--recipient', 'second@far.example', '--json'])).stdout.split('\n');
    const { recipients } = JSON.parse(json ?? '') as {
      recipients: { hop: { next: string }; reply: { code: number } }[];
    };
    assert.equal(recipients[0]?.hop.next, `[127.0.0.1]:${dead.port}`);
    assert.ok((recipients[0]?.reply.code ?? 0) >= 400);
  });

  it(`costs few connections, though ${WAITING} messages wait for it, and holds up nobody else`, async () => {
    await using dead = await startDeadHost();
    await using sink = await startSink();
    const clock = makeTestClock();
    await using farm = await startFarm({
      env: clock.env,
      set: [
        `routes=[{match: dead.example, via: "smtp:[127.0.0.1]:${dead.port}"}, {match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'retry.times=[15m]',
      ],
    });
    const to = (n: number): string[] => [`user${n}@dead.example`];
    await sendMail({ port: farm.port, to, count: WAITING, sessions: 10, content: () => 'Subject: x\r\n\r\nx\r\n' });
    await waitForQuiet(() => dead.connects, { what: 'the last connection' });
    assert.ok(dead.connects <= 20, `${dead.connects} connections at first`);
    for (let quarters = 0; quarters < 4; quarters += 1) {
      const soFar = troubles(farm);
      clock.lapse(20 * MINUTE);
      await waitFor(() => troubles(farm) > soFar, { what: () => `a probe\n${farm.tail()}` });
    }
    await waitForQuiet(() => dead.connects, { what: 'the last probe' });
    assert.ok(dead.connects <= 40, `${dead.connects} connections in an hour`);
    await sendMail({ port: farm.port, to: ['bob@far.example'] });
    await waitFor(() => sink.counts().has('m-0'), { what: () => `other mail\n${farm.tail()}` });
    assert.equal(await farm.queued(), WAITING);
  });
});
