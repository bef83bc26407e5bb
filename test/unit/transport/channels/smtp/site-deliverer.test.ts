/** The lane of a site: many domains, one session; a domain that moved meanwhile, and DNS that fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Config } from '../../../../../src/config/config.ts';
import { MxResolver } from '../../../../../src/dns/mx-resolver.ts';
import { DnsResolver } from '../../../../../src/dns/resolver.ts';
import { channelMaker, type ChannelParts } from '../../../../../src/transport/channels.ts';
import type { Deliverer, DeliveryResult } from '../../../../../src/transport/deliverer.ts';
import { siteTeller } from '../../../../../src/transport/site-desk.ts';
import { startDnsStub, type Records } from '../../../../support/dns-stub.ts';
import { startScriptedServer, type ScriptedServer } from '../../../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, SETTINGS, summarise } from '../../support.ts';

const MESSAGE = makeMessage('Subject: x\r\n\r\nhello\r\n');

interface Rig extends AsyncDisposable {
  readonly table: Record<string, Records>;
  readonly server: ScriptedServer;
  readonly deliverer: Deliverer;
  readonly deliver: (domain: string) => Promise<DeliveryResult>;
  readonly tell: ReturnType<typeof siteTeller>;
}

/** The port is one for all hosts: they are told apart by their addresses. */
async function openRig(site = 'mx.big.test'): Promise<Rig> {
  const server = await startScriptedServer();
  const table: Record<string, Records> = {
    'a.test': { MX: ['10 mx.big.test'], ttl: 300 },
    'b.test': { MX: ['20 MX.big.test.'], ttl: 300 },
    'moved.test': { MX: ['10 mx.other.test'] },
    'broken.test': { MX: 'trouble' },
    'mx.big.test': { A: ['127.0.0.1'] },
    'mx.other.test': { A: ['127.0.0.1'] },
    // Nobody listens there.
    'dead.test': { MX: ['10 mx.dead.test'] },
    'mx.dead.test': { A: ['127.0.0.2'] },
  };
  const stub = await startDnsStub(table);
  const smtp = { ...SETTINGS, port: server.port, resolvers: [stub.address], allowPrivate: true };
  const dns = new DnsResolver(smtp);
  const resolver = new MxResolver({ dns, hostname: 'us.test', smtp, listen: [] });
  const config = { hostname: 'us.test', smtp, domains: { local: [], relay: [] }, listen: [] };
  const parts = { config: config as unknown as Config, resolver } as ChannelParts;
  const deliverer = channelMaker(parts)({ channel: 'smtp', next: `site:${site}` });
  return {
    table,
    server,
    deliverer,
    deliver: (domain) => deliverer.deliver(makeJob([`user@${domain}`], { next: `mx:${domain}` }), MESSAGE),
    tell: siteTeller(resolver, dns),
    async [Symbol.asyncDispose]() {
      await deliverer.close();
      await stub.close();
      await server.close();
    },
  };
}

const states = (result: DeliveryResult): string[] => Object.values(summarise(result));

describe('the lane of a site', () => {
  it('delivers to all its domains over one session', async () => {
    await using rig = await openRig();
    for (const domain of ['a.test', 'b.test', 'a.test']) {
      assert.deepEqual(states(await rig.deliver(domain)), ['delivered 250 2.0.0']);
    }
    assert.equal(rig.server.sessions.length, 1);
  });

  it('delivers a domain that moved meanwhile where it is now, and keeps its session to the site', async () => {
    await using rig = await openRig();
    for (const domain of ['a.test', 'moved.test', 'b.test']) {
      assert.deepEqual(states(await rig.deliver(domain)), ['delivered 250 2.0.0'], domain);
    }
    const mails = rig.server.sessions.map(({ lines }) => lines.filter((line) => line.startsWith('RCPT')));
    assert.deepEqual(mails, [['RCPT TO:<user@a.test>', 'RCPT TO:<user@b.test>'], ['RCPT TO:<user@moved.test>']]);
  });

  it('does not wait as a whole for the trouble of a domain that is elsewhere by now', async () => {
    await using rig = await openRig();
    const result = await rig.deliver('dead.test');
    assert.deepEqual([states(result), result.trouble], [['deferred 451 4.4.1'], undefined]);
  });

  it('does not wait as a whole for a domain that DNS cannot tell of, but for DNS that tells of none', async () => {
    await using rig = await openRig();
    for (let n = 1; n <= 3; n += 1) {
      const result = await rig.deliver('broken.test');
      assert.deepEqual(
        [states(result), result.trouble?.status],
        [['deferred 451 4.4.3'], n === 3 ? '4.4.3' : undefined],
      );
    }
  });

  it('goes where the site was when DNS cannot tell of a domain of it any more', async () => {
    await using rig = await openRig();
    await rig.deliver('a.test');
    assert.deepEqual(states(await rig.deliver('broken.test')), ['delivered 250 2.0.0']);
    assert.equal(rig.server.sessions.length, 1);
  });

  it('fails mail for a domain that is gone, alone', async () => {
    await using rig = await openRig();
    const result = await rig.deliver('gone.test');
    assert.deepEqual([states(result), result.trouble], [['failed 550 5.1.2'], undefined]);
  });

  it('defers what names no domain', async () => {
    await using rig = await openRig();
    const result = await rig.deliverer.deliver(makeJob(['user@a.test']), MESSAGE);
    assert.deepEqual(states(result), ['deferred 451 4.3.5']);
  });
});

describe('who is asked for a site', () => {
  it('tells the same one for domains with the same hosts, for as long as DNS says', async () => {
    await using rig = await openRig();
    const [a, b] = [await rig.tell('mx:a.test'), await rig.tell('route:b.test')];
    assert.deepEqual([a.site, b.site], ['mx.big.test', 'mx.big.test']);
    assert.ok(a.ttl > 200_000 && a.ttl <= 300_000, String(a.ttl));
    assert.equal((await rig.tell('mx:moved.test')).site, 'mx.other.test');
  });

  it('tells none where there is none', async () => {
    await using rig = await openRig();
    for (const next of ['mx:gone.test', 'mx:broken.test', '[127.0.0.1]:25', 'nonsense']) {
      assert.equal((await rig.tell(next)).site, undefined, next);
    }
  });
});
