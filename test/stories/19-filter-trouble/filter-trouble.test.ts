/** The filter stage: refusals reach the client; a filter that dies or hangs costs a 451, never a message, never a loop. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { SmtpSession, type SmtpAnswer } from '../../support/smtp-session.ts';
import { waitFor } from '../../support/wait.ts';

const FILTERED = [
  'listen.0.role=mx',
  'listen.0.filters=[structure]',
  'domains.local=[localhost]',
  'farms.filter.least=1',
];

function attachment(name: string): string {
  const part = `--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\nMZ\r\n`;
  return `X-Test-Id: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${part}--b--\r\n`;
}

async function submit(farm: Farm, content: string): Promise<SmtpAnswer> {
  const session = await SmtpSession.open(farm.port);
  const answer = await session.send('sender@test.example', ['anna@localhost'], content);
  session.quit();
  return answer;
}

function delivered(farm: Farm): number {
  return countMaildir(join(farm.var, 'mail', 'localhost', 'anna'));
}

describe('the filter', () => {
  it('refuses forbidden attachments while the client still listens', async () => {
    await using farm = await startFarm({ set: [...FILTERED, 'filters.structure.forbiddenNames=["*.exe"]'] });
    const answer = await submit(farm, attachment('Virus.EXE'));
    assert.equal(Math.floor(answer.code / 100), 5, `${answer.code} ${answer.text}`);
    assert.equal((await submit(farm, attachment('harmless.txt'))).code, 250);
    await farm.drained();
    assert.equal(delivered(farm), 1);
  });

  it('puts into quarantine what it is told to, and an operator releases it', async () => {
    await using farm = await startFarm({
      set: [...FILTERED, 'filters.structure.forbiddenNames=["*.exe"]', 'filters.structure.action=quarantine'],
    });
    assert.equal((await submit(farm, attachment('Virus.EXE'))).code, 250);
    assert.equal(await farm.queued(), 1);
    assert.equal(delivered(farm), 0);
    const ran = await farm.queueCli(['release', '--all']);
    assert.equal(ran.status, 0, ran.stderr);
    await farm.drained();
    assert.equal(delivered(farm), 1);
  });

  it('that hangs costs a 451 after its time, and the next message passes', async () => {
    await using farm = await startFarm({ set: [...FILTERED, 'filter.timeout=1s', 'farms.filter.most=1'] });
    const passes = (id: string): Promise<true> =>
      waitFor(async () => (await submit(farm, makeContent(id))).code === 250, { what: () => `250\n${farm.tail()}` });
    // A second may be too short for the first message on a busy machine; what got a 451 is not delivered.
    await passes('first');
    const { pid } = await farm.worker('filter');
    signal(pid, 'SIGSTOP');
    const answer = await submit(farm, makeContent('second'));
    assert.equal(answer.code, 451, answer.text);
    signal(pid, 'SIGCONT');
    await passes('third');
    await farm.drained();
    assert.equal(delivered(farm), 2);
  });

  it('that is killed again and again loses nothing and doubles nothing', async () => {
    await using farm = await startFarm({ set: FILTERED });
    const sending = sendMail({ port: farm.port, to: ['anna@localhost'], count: 300, sessions: 4 });
    for (let n = 0; n < 3; n += 1) {
      const { pid } = await farm.worker('filter');
      signal(pid, 'SIGKILL');
      await waitFor(() => farm.workers('filter').some((worker) => worker.pid !== pid), {
        what: () => `a new filter\n${farm.tail()}`,
      });
    }
    const { accepted, unsure } = await sending;
    assert.deepEqual([accepted.length, unsure.length], [300, 0]);
    await farm.drained();
    assert.equal(delivered(farm), 300);
  });
});
