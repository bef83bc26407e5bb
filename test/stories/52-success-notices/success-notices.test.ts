/** Who asks with NOTIFY=SUCCESS is told once that the mail arrived, or went on; whatever is killed, and nobody gets mail twice for it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { signal } from '../../support/processes.ts';
import { startScriptedServer } from '../../support/scripted-smtp-server.ts';
import { startSink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const ALIASES = 'list: bob, carl@far.example\n';

function settings(port: number): string[] {
  return [`routes=[{match: far.example, via: "smtp:[127.0.0.1]:${port}"}]`, 'domains.local=[localhost]'];
}

/** Sends one message; each of `to` may have parameters behind it. */
async function send(farm: Farm, id: string, to: readonly string[]): Promise<void> {
  const session = await SmtpSession.open(farm.port);
  await session.say('MAIL FROM:<anna@localhost> RET=FULL ENVID=the+20one');
  for (const recipient of to) assert.equal((await session.say(`RCPT TO:${recipient}`)).code, 250);
  await session.say('DATA');
  assert.equal((await session.say(`${makeContent(id)}\r\n.`)).code, 250);
  await session.say('QUIT');
}

function mailTo(farm: Farm, user: string): string[] {
  const files = readMaildir(join(farm.var, 'mail', 'localhost', user));
  return files.map((one) => one.content.toString().replaceAll('\r\n', '\n'));
}

function reports(farm: Farm): string[] {
  return mailTo(farm, 'anna').filter((text) => text.includes('message/delivery-status'));
}

/** `Action Final-Recipient` of each recipient of a report. */
function actionsOf(report: string): string[] {
  const found = report.matchAll(/^Final-Recipient: rfc822; (.*)\nAction: (.*)$/gm);
  return Array.from(found, ([, recipient, action]) => `${action} ${recipient}`).toSorted();
}

describe('good news', () => {
  it('is told of mailboxes, of next hops without DSN and of lists, where it was asked for', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: settings(sink.port), etc: { aliases: ALIASES } });
    await send(farm, 'm-0', [
      '<bob@localhost> NOTIFY=SUCCESS',
      '<dora@far.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;dora@old.example',
      '<list@localhost> NOTIFY=SUCCESS',
      '<emil@far.example> NOTIFY=FAILURE',
      '<fred@localhost>',
    ]);
    await farm.drained();
    const told = reports(farm);
    assert.deepEqual(told.flatMap(actionsOf).toSorted(), [
      'delivered bob@localhost',
      'expanded list@localhost',
      'relayed dora@far.example',
    ]);
    const relayed = told.find((text) => text.includes('Action: relayed')) ?? '';
    assert.match(relayed, /^Original-Envelope-Id: the one$/m);
    assert.match(relayed, /^Original-Recipient: rfc822; dora@old\.example$/m);
    assert.match(relayed, /^Status: 2\.0\.0$/m);
    assert.match(relayed, /^Content-Type: text\/rfc822-headers$/m, 'RET=FULL is for failures');
    assert.doesNotMatch(told.join(''), /carl@/, 'who stands behind a list is nobody’s business');
    assert.deepEqual([mailTo(farm, 'bob').length, mailTo(farm, 'fred').length], [1, 1]);
    assert.deepEqual(sink.ledger.flatMap(({ to }) => to).toSorted(), [
      'carl@far.example',
      'dora@far.example',
      'emil@far.example',
    ]);
    assert.equal(farm.logLines().filter((line) => line.event === 'notified').length, 3);
  });

  it('comes together for the recipients of one transaction', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: settings(sink.port) });
    const to = ['x', 'y', 'z'].map((name) => `${name}@far.example`);
    await send(
      farm,
      'm-0',
      to.map((address) => `<${address}> NOTIFY=SUCCESS`),
    );
    await farm.drained();
    assert.deepEqual(reports(farm).map(actionsOf), [to.map((address) => `relayed ${address}`)]);
  });

  it('is for nobody who may not relay: a stranger could have a forged sender told', async () => {
    await using farm = await startFarm({ set: ['domains.local=[localhost]', 'relay.networks=["192.0.2.0/24"]'] });
    await send(farm, 'm-0', ['<bob@localhost> NOTIFY=SUCCESS', '<carl@localhost> NOTIFY=SUCCESS,FAILURE']);
    await farm.drained();
    assert.deepEqual([mailTo(farm, 'bob').length, mailTo(farm, 'carl').length, reports(farm).length], [1, 1, 0]);
  });

  it('is left to the next hop where that offers DSN', async () => {
    await using server = await startScriptedServer({ EHLO: '250-mx\r\n250 DSN' });
    await using farm = await startFarm({ set: settings(server.port) });
    await send(farm, 'm-0', ['<dora@far.example> NOTIFY=SUCCESS']);
    await farm.drained();
    assert.deepEqual(reports(farm), []);
    const said = server.sessions.flatMap(({ lines }) => lines);
    assert.ok(
      said.includes('RCPT TO:<dora@far.example> NOTIFY=SUCCESS ORCPT=rfc822;dora@far.example'),
      said.join('\n'),
    );
  });
});

describe('good news that was not told yet', () => {
  it('is told once after everything was killed, and nothing is delivered again', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const set = [...settings(sink.port), 'farms.bounce.least=1', 'farms.bounce.most=1'];
      const etc = { aliases: ALIASES };
      await using first = await startFarm({ folders, set, etc });
      signal((await first.worker('bounce')).pid, 'SIGSTOP');
      await send(first, 'm-0', [
        '<bob@localhost> NOTIFY=SUCCESS',
        '<dora@far.example> NOTIFY=SUCCESS',
        '<list@localhost> NOTIFY=SUCCESS',
      ]);
      const states = async (): Promise<string[]> => {
        const { stdout } = await first.queueCli(['list', '--state', 'succeeded', '--json']);
        const [line = '{}'] = stdout.split('\n');
        const { recipients = [] } = JSON.parse(line || '{}') as { recipients?: { address: string; notice: string }[] };
        return recipients.map(({ address, notice }) => `${notice} ${address}`).toSorted();
      };
      const owed = ['delivered bob@localhost', 'expanded list@localhost', 'relayed dora@far.example'];
      await waitFor(async () => (await states()).join() === owed.join(), {
        what: () => `what is owed\n${first.tail()}`,
      });
      assert.deepEqual(reports(first), []);
      await first.killAll();
      await using second = await startFarm({ folders, set, etc });
      await second.drained();
      assert.deepEqual(reports(second).flatMap(actionsOf).toSorted(), owed);
      assert.deepEqual([...sink.copies().values()], [1, 1]);
      assert.equal(mailTo(second, 'bob').length, 1);
    } finally {
      removeTemp(folders.root);
    }
  });
});
