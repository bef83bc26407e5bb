import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { channelMaker, type ChannelParts } from '../../../src/transport/channels.ts';
import { MxResolver } from '../../../src/dns/mx-resolver.ts';
import { DnsResolver } from '../../../src/dns/resolver.ts';
import { startDnsStub } from '../../support/dns-stub.ts';
import { startScriptedServer } from '../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, SETTINGS, summarise } from './support.ts';

function resolverOf(smtp: typeof SETTINGS): MxResolver {
  return new MxResolver({ dns: new DnsResolver(smtp), hostname: 'us.test', smtp, listen: [] });
}

it('the mark of an alias that names itself stays here, when its domain is behind another server', async () => {
  await using server = await startScriptedServer();
  const config = { hostname: 'mx.test', smtp: SETTINGS, domains: { local: ['Here.test'], relay: [] }, listen: [] };
  const makeDeliverer = channelMaker({
    config: config as unknown as Config,
    resolver: resolverOf(SETTINGS),
  } as ChannelParts);
  const deliverer = makeDeliverer({ channel: 'smtp', next: `[127.0.0.1]:${server.port}` });
  const to = ['root+@here.test', 'x+@far.test', 'y+tag@here.test'];
  const result = await deliverer.deliver(makeJob(to), makeMessage('Subject: x\r\n\r\nhello\r\n'));
  await deliverer.close();
  assert.deepEqual(Object.keys(summarise(result)), to);
  assert.deepEqual(
    server.sessions[0]?.lines.filter((line) => line.startsWith('RCPT')),
    ['RCPT TO:<root@here.test>', 'RCPT TO:<x+@far.test>', 'RCPT TO:<y+tag@here.test>'],
  );
});

it('the lanes of a worker share one memory of DNS', async () => {
  await using server = await startScriptedServer();
  await using stub = await startDnsStub({ 'x.test': { MX: ['10 mx.test'] }, 'mx.test': { A: ['127.0.0.1'] } });
  const smtp = { ...SETTINGS, port: server.port, resolvers: [stub.address], allowPrivate: true };
  const config = { hostname: 'us.test', smtp, domains: { local: [], relay: [] }, listen: [] };
  const resolver = resolverOf(smtp);
  const makeDeliverer = channelMaker({ config: config as unknown as Config, resolver } as unknown as ChannelParts);
  for (const recipient of ['a@x.test', 'b@x.test', 'c@x.test']) {
    const deliverer = makeDeliverer({ channel: 'smtp', next: 'mx:x.test' });
    const result = await deliverer.deliver(makeJob([recipient]), makeMessage('Subject: x\r\n\r\nhello\r\n'));
    await deliverer.close();
    assert.equal(summarise(result)[recipient], 'delivered 250 2.0.0');
  }
  assert.deepEqual(stub.asked.toSorted(), ['A mx.test', 'AAAA mx.test', 'MX x.test']);
});
