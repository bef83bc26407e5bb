/** The first five minutes: a message by SMTP and one by bin/sendmail are in a Maildir, and the queue is empty again. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent, testId } from '../../support/content.ts';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { readMaildir, type Delivered } from '../../support/maildir.ts';
import { run } from '../../support/run.ts';
import { sendMail } from '../../support/send-mail.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const SUBMISSION = ['listen.0.role=submission', 'domains.local=[localhost]'];

function arrived(farm: Farm, user = 'anna'): Promise<Delivered> {
  const dir = join(farm.var, 'mail', 'localhost', user);
  return waitFor(() => readMaildir(dir)[0], { what: () => `mail in ${dir}\n${farm.tail()}` });
}

describe('a first message', () => {
  it('comes by SMTP and is in the Maildir, whole and with its trace', async () => {
    await using farm = await startFarm({ set: SUBMISSION });
    const body = 'A line.\r\n.\r\n..two dots\r\nGrüße\r\n';
    const content = makeContent('first', { body });
    const sent = await sendMail({ port: farm.port, to: ['anna@localhost'], content: () => content });
    assert.deepEqual(sent.accepted, ['m-0']);
    const text = (await arrived(farm)).content.toString();
    assert.match(text, /^Received: from test\.example\s/m);
    assert.match(text, /^Date: /m);
    assert.match(text, /^Message-ID: <[^>]+@[^>]+>/im);
    assert.ok(text.replaceAll('\r\n', '\n').endsWith(`\n\n${body.replaceAll('\r\n', '\n')}`), text);
    await farm.drained();
  });

  it('leaves its whole story in the log, one line a step', async () => {
    await using farm = await startFarm({ set: SUBMISSION });
    assert.deepEqual(farm.workers('maildir'), [], 'a farm whose least is 0 has no worker before its first job');
    await sendMail({ port: farm.port, to: ['anna@localhost'] });
    const { id } = await farm.waitForLog((line) => line.event === 'removed');
    const STEPS = ['received', 'routed', 'attempt', 'removed'];
    // Each process gathers its lines for a moment: the last step may be in the log before another.
    for (const step of STEPS) await farm.waitForLog((line) => line.id === id && line.event === step);
    const events = farm
      .logLines()
      .filter((line) => line.id === id)
      .map((line) => line.event);
    for (const event of STEPS) {
      assert.equal(events.filter((one) => one === event).length, 1, `${event} in ${events.join(', ')}`);
    }
    assert.equal(farm.workers('maildir').length, 1);
    assert.ok(!events.includes('filtered'), 'own mail takes the shortest way');
    assert.deepEqual(farm.workers('filter'), [], 'for which no filter is started');
  });

  it('comes by bin/sendmail', async () => {
    await using farm = await startFarm({ set: SUBMISSION });
    const ran = await farm.command('sendmail', ['anna@localhost'], { input: 'Subject: hello\n\nIt works.\n' });
    assert.equal(ran.status, 0, ran.stderr);
    const text = (await arrived(farm)).content.toString();
    assert.match(text, /^Subject: hello\r?$/m);
    assert.match(text, /It works\.\r?\n$/);
    await farm.drained();
  });

  it('is kept by bin/sendmail while no farm runs, and delivered when one does', async () => {
    const folders = makeFolders();
    try {
      const env = { MAILFARM_ETC: folders.etc, MAILFARM_VAR: folders.var };
      // Not the shipped port: another farm of this machine may listen there.
      writeFileSync(join(folders.etc, 'mailfarm.yaml'), 'listen: [{ address: "127.0.0.1:0", role: submission }]\n');
      const ran = await run('bin/sendmail', ['anna@localhost'], { input: makeContent('early'), env });
      assert.equal(ran.status, 0, ran.stderr);
      await using farm = await startFarm({ set: SUBMISSION, folders });
      assert.equal(testId((await arrived(farm)).content), 'early');
      await farm.drained();
    } finally {
      removeTemp(folders.root);
    }
  });

  it('comes by bin/sendmail where no listener is for own mail, and leaves no journal behind', async () => {
    await using farm = await startFarm({ set: ['listen.0.role=mx', 'domains.local=[localhost]'] });
    const ran = await farm.command('sendmail', ['-v', 'anna@localhost'], { input: 'Subject: hello\n\nIt works.\n' });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /queued as/);
    await arrived(farm);
    const journal = join(farm.var, 'queue', 'journal');
    const left = (): string[] => readdirSync(journal).filter((name) => name.includes('.sendmail-'));
    await waitFor(() => left().length === 0, { what: () => `no segment of sendmail in ${journal}: ${left().join()}` });
  });

  it('is not taken for a stranger who wants it relayed, nor for nobody', async () => {
    await using farm = await startFarm({
      set: ['listen.0.role=mx', 'relay.networks=[]', 'mailboxes=[anna]', 'domains.local=[localhost]'],
    });
    for (const to of [
      'someone@elsewhere.example',
      'nobody@localhost',
      'x%elsewhere.example@localhost',
      '"|/bin/sh"@localhost',
    ]) {
      const sent = await sendMail({ port: farm.port, to: [to] });
      assert.equal(sent.refused[0]?.answer.code, 550, to);
    }
    assert.deepEqual((await sendMail({ port: farm.port, to: ['postmaster@localhost'] })).accepted, ['m-0']);
    await arrived(farm, 'postmaster');
  });
});
