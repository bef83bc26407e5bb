import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { channelMaker, type ChannelParts } from '../../../src/transport/channels.ts';
import { startScriptedServer } from '../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, SETTINGS, summarise } from './support.ts';

it('the mark of an alias that names itself stays here, when its domain is behind another server', async () => {
  await using server = await startScriptedServer();
  const config = { hostname: 'mx.test', smtp: SETTINGS, domains: { local: ['Here.test'], relay: [] } };
  const makeDeliverer = channelMaker({ config: config as unknown as Config } as ChannelParts);
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
