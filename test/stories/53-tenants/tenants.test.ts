/** A farm with etc/tenants.yaml: mail of tenants is told apart, their queues have limits, lanes are lent, and a bad file changes nothing. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { startSink, type Sink, type SinkOptions } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { waitFor } from '../../support/wait.ts';

const TENANTS = `
shop:
  senders: [shop.test]
  queue: 3
  weight: 2
news:
  from: [news.test]
  queue: 2
jobs:
  senders: [jobs@here.test]
`;

interface TenantLine {
  readonly name: string;
  readonly queued: number;
  readonly dedicated: number;
  readonly settings?: { readonly weight: number; readonly queue: number };
}

function farmTo(sink: Sink, more: Partial<FarmOptions> = {}): Promise<Farm> {
  return startFarm({
    set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]'],
    etc: { 'tenants.yaml': TENANTS },
    ...more,
  });
}

/** A next hop that refuses every connection until `up` is set. */
async function startDeadSink(options: SinkOptions = {}): Promise<{ readonly sink: Sink; up: boolean }> {
  const state = { up: false };
  const sink = await startSink({ ...options, onConnect: () => (state.up ? undefined : '421 4.3.2 not now') });
  return Object.assign(state, { sink });
}

interface Mail {
  readonly sender: string;
  readonly author?: string;
}

/** The first answer that refuses one message of this sender, as `MAIL 452 4.3.1`; or that to its data. */
async function send(farm: Farm, { sender, author = sender }: Mail): Promise<string> {
  const session = await SmtpSession.open(farm.port);
  try {
    for (const line of [`MAIL FROM:<${sender}>`, 'RCPT TO:<bob@far.example>', 'DATA']) {
      const { code, text } = await session.say(line);
      if (code >= 400) return `${line.slice(0, 4)} ${code} ${text.slice(0, 5)}`;
    }
    const { code, text } = await session.say(`From: <${author}>\r\nSubject: x\r\n\r\nx\r\n.`);
    return `data ${code} ${text.slice(0, 5)}`;
  } finally {
    session.socket.destroy();
  }
}

async function tenants(farm: Farm): Promise<Map<string, TenantLine>> {
  const { status, stdout, stderr } = await farm.command('mailfarm', ['tenants', '--json']);
  assert.equal(status, 0, stderr);
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TenantLine);
  return new Map(lines.map((line) => [line.name, line]));
}

async function waitForQueued(farm: Farm, queued: Readonly<Record<string, number>>): Promise<void> {
  let last: unknown;
  await waitFor(
    async () => {
      const all = await tenants(farm);
      last = Object.fromEntries(Object.keys(queued).map((name) => [name, all.get(name)?.queued]));
      return Object.entries(queued).every(([name, count]) => all.get(name)?.queued === count);
    },
    { what: () => `${JSON.stringify(queued)}, but ${JSON.stringify(last)}\n${farm.tail()}` },
  );
}

async function tenantsInQueue(farm: Farm): Promise<Record<string, number>> {
  const { stdout } = await farm.queueCli(['list', '--json']);
  const counts: Record<string, number> = {};
  for (const line of stdout.split('\n').filter(Boolean)) {
    const { tenant } = JSON.parse(line) as { tenant: string };
    counts[tenant] = (counts[tenant] ?? 0) + 1;
  }
  return counts;
}

describe('tenants', () => {
  it('are told apart by sender, From field and for bin/sendmail, in every command that shows mail', async () => {
    const hop = await startDeadSink();
    await using sink = hop.sink;
    await using farm = await farmTo(sink);
    assert.equal(await send(farm, { sender: 'a@shop.test' }), 'data 250 2.0.0');
    assert.equal(await send(farm, { sender: 'bounces@else.test', author: 'letter@news.test' }), 'data 250 2.0.0');
    assert.equal(await send(farm, { sender: 'a@else.test' }), 'data 250 2.0.0');
    const ran = await farm.command('sendmail', ['-f', 'jobs@here.test', 'bob@far.example'], {
      input: 'Subject: x\n\nx\n',
    });
    assert.equal(ran.status, 0, ran.stderr);
    await waitForQueued(farm, { shop: 1, news: 1, jobs: 1, default: 1 });
    assert.deepEqual(await tenantsInQueue(farm), { shop: 1, news: 1, jobs: 1, default: 1 });
    const { settings } = (await tenants(farm)).get('shop')!;
    assert.deepEqual([settings?.weight, settings?.queue], [2, 3]);
    const table = await farm.command('mailfarm', ['tenants']);
    assert.match(table.stdout, /^TENANT +QUEUED .*\n(?:.*\n)*shop +1 +3 +2 /);
    hop.up = true;
    await farm.drained();
    await waitForQueued(farm, { shop: 0, news: 0, jobs: 0 });
    assert.equal(sink.ledger.length, 4);
  });

  it('are answered 452 when their queue is full, and by none of that when it is not any more', async () => {
    const hop = await startDeadSink();
    await using sink = hop.sink;
    await using farm = await farmTo(sink);
    const accepted = async (mail: Mail, times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) assert.equal(await send(farm, mail), 'data 250 2.0.0');
    };
    const shop = { sender: 'a@shop.test' };
    const news = { sender: 'bounces@else.test', author: 'letter@news.test' };
    await accepted(shop, 3);
    await accepted(news, 2);
    await waitForQueued(farm, { shop: 3, news: 2 });
    await waitFor(async () => (await send(farm, shop)) === 'MAIL 452 4.3.1', { what: () => farm.tail() });
    await waitFor(async () => (await send(farm, news)) === 'data 452 4.3.1', { what: () => farm.tail() });
    await accepted({ sender: 'a@else.test' }, 2);
    const full = await farm.command('mailfarm', ['tenants']);
    assert.match(full.stdout, /shop .*full: new mail is refused with 452/);
    hop.up = true;
    await farm.drained();
    await waitFor(async () => (await send(farm, shop)) === 'data 250 2.0.0');
    await waitFor(async () => (await send(farm, news)) === 'data 250 2.0.0');
    await farm.drained();
  });

  it('are lent lanes of their own and give them back, while mail waits, and nobody unknown is', async () => {
    const hop = await startDeadSink();
    await using sink = hop.sink;
    await using farm = await farmTo(sink);
    for (let i = 0; i < 3; i += 1) await send(farm, { sender: 'jobs@here.test' });
    await waitForQueued(farm, { jobs: 3 });
    for (const lanes of [2, 0, 4]) {
      const ran = await farm.command('mailfarm', ['lane', 'jobs', String(lanes)]);
      assert.equal(ran.status, 0, ran.stderr);
      const { queued, dedicated } = (await tenants(farm)).get('jobs')!;
      assert.deepEqual([queued, dedicated], [3, lanes]);
    }
    const unknown = await farm.command('mailfarm', ['lane', 'jbos', '2']);
    assert.notEqual(unknown.status, 0);
    assert.match(unknown.stderr, /no tenant jbos is configured/);
    hop.up = true;
    await farm.drained();
    assert.equal(sink.ledger.length, 3);
  });

  it('stay as they were when a reload finds a mistake in their file, and follow a good one', async () => {
    await using sink = await startSink();
    await using farm = await farmTo(sink);
    writeFileSync(join(farm.etc, 'tenants.yaml'), 'shop:\n  senders: [shop.test]\n  wieght: 3\n');
    const refused = await farm.command('mailfarm', ['reload']);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /tenants\.yaml:3: tenants\.shop\.wieght: unknown key; did you mean weight\?/);
    // A command reads the file that is there: what is at work is asked of the farm by sending.
    writeFileSync(join(farm.etc, 'tenants.yaml'), TENANTS.replace('weight: 2', 'weight: 7'));
    assert.deepEqual([...(await tenants(farm)).keys()].toSorted(), ['jobs', 'news', 'shop']);
    writeFileSync(join(farm.etc, 'tenants.yaml'), `${TENANTS}\nlate: { senders: [late.test] }\n`);
    const taken = await farm.command('mailfarm', ['reload']);
    assert.equal(taken.status, 0, taken.stderr);
    await waitFor(async () => (await tenants(farm)).has('late'));
    assert.equal(await send(farm, { sender: 'a@late.test' }), 'data 250 2.0.0');
    await farm.drained();
  });
});
