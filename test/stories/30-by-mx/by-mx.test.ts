/** Mail whose way the DNS decides: preference, several addresses, no MX, the null MX, a name that is none, a server that fails. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startDnsStub } from '../../support/dns-stub.ts';
import { startFarm } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

describe('delivery by MX', () => {
  it('goes where the records lead, returns what nobody takes, and keeps what cannot be looked up', async () => {
    await using sink = await startSink();
    await using dns = await startDnsStub({
      // Nothing listens at 127.0.0.2: the next host is tried.
      'two.example': { MX: ['10 dead.two.example', '20 live.two.example'] },
      'dead.two.example': { A: ['127.0.0.2'] },
      'live.two.example': { A: ['127.0.0.1'] },
      'addresses.example': { MX: ['10 many.addresses.example'] },
      'many.addresses.example': { A: ['127.0.0.3', '127.0.0.1'] },
      'nomx.example': { A: ['127.0.0.1'] },
      'null.example': { MX: ['0 .'] },
      'broken.example': { MX: 'trouble' },
    });
    await using farm = await startFarm({
      set: [
        'domains.local=[localhost]',
        `smtp.port=${sink.port}`,
        'smtp.allowPrivate=true',
        `smtp.resolvers=["${dns.address}"]`,
      ],
    });
    const names = ['two', 'addresses', 'nomx', 'null', 'none', 'broken'];
    const to = names.map((name) => `user@${name}.example`);
    await sendMail({ port: farm.port, from: 'anna@localhost', to });
    const arrived = (): string[] => sink.ledger.flatMap((one) => one.to).toSorted();
    await waitFor(() => arrived().length >= 3, { what: () => `three deliveries\n${farm.tail()}` });
    assert.deepEqual(arrived(), ['user@addresses.example', 'user@nomx.example', 'user@two.example']);

    const bounces = join(farm.var, 'mail', 'localhost', 'anna');
    const text = await waitFor(
      () => {
        const all = readMaildir(bounces).map((one) => one.content.toString());
        return all.length >= 2 && all.join('\n');
      },
      { what: () => `two bounces\n${farm.tail()}` },
    );
    assert.match(text, /user@null\.example[^]*5\.1\.10/);
    assert.match(text, /user@none\.example[^]*5\.1\.2/);

    const waiting = await waitFor(
      async () => {
        const listed = (await farm.queueCli(['list', '--json'])).stdout;
        return listed.includes('deferred') && listed;
      },
      { what: () => `a deferred recipient\n${farm.tail()}` },
    );
    assert.match(waiting, /user@broken\.example/);
    assert.doesNotMatch(waiting, /user@two\.example/);
    assert.ok(!dns.asked.includes('A broken.example'), 'no address instead of an MX record that could not be read');
  });

  it('is one bin for all domains of a site: they share its sessions, and one trouble', async () => {
    let sick = true;
    let connects = 0;
    await using sink = await startSink({
      onConnect: () => ((connects += 1), sick ? '421 4.3.2 not now' : undefined),
    });
    const domains = Array.from({ length: 200 }, (_, n) => `d${n}.example`);
    await using dns = await startDnsStub({
      ...Object.fromEntries(domains.map((domain, n) => [domain, { MX: [`${10 + n} mx.big.example`] }])),
      'mx.big.example': { A: ['127.0.0.1'] },
    });
    await using farm = await startFarm({
      set: [
        'domains.local=[localhost]',
        `smtp.port=${sink.port}`,
        'smtp.allowPrivate=true',
        `smtp.resolvers=["${dns.address}"]`,
        'retry.times=[1h]',
      ],
    });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: domains.map((domain) => `user@${domain}`) });
    const bin = await waitFor(
      async () => {
        const { scheduler } = JSON.parse((await farm.command('mailfarm', ['status', '--json'])).stdout) as {
          scheduler: { parked: number; bins: { hop: { next: string }; until?: number; lanes: number }[] };
        };
        return (
          scheduler.parked === 200 && scheduler.bins.find(({ until, lanes }) => until !== undefined && lanes === 0)
        );
      },
      { what: () => `a bin that waits\n${farm.tail()}` },
    );
    assert.equal(bin.hop.next, 'site:mx.big.example');
    // Those that were being opened when the first met it, with each of its lanes.
    assert.ok(connects <= 20, `${connects} connects for 200 domains`);

    sick = false;
    connects = 0;
    await farm.queueCli(['retry', '--all']);
    await waitFor(() => sink.ledger.length >= 200, { what: () => `all mail\n${farm.tail()}` });
    assert.ok(connects <= 20, `${connects} connects for 200 domains`);
  });
});
