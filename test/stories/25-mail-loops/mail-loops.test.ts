/** Mail that runs in circles: through one farm, and between two. It ends after so many hops, and its sender is told once. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir, readMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { waitFor } from '../../support/wait.ts';

const HOPS = 10;

function start(domain: string): Promise<Farm> {
  return startFarm({ set: [`domains.local=[${domain}]`, `limits.hops=${HOPS}`, 'retry.times=[1s]'] });
}

/** From now on everything that is not local goes to this port. */
async function sendAllTo(farm: Farm, port: number): Promise<void> {
  const text = `routes:\n  - { match: "*", via: "smtp:[127.0.0.1]:${port}" }\n`;
  writeFileSync(join(farm.etc, 'mailfarm.yaml'), text);
  const before = new Set(farm.workers('router').map((worker) => worker.pid));
  const ran = await farm.command('mailfarm', ['reload']);
  assert.equal(ran.status, 0, ran.stderr);
  await waitFor(() => farm.workers('router').every((worker) => !before.has(worker.pid)), { what: 'new routers alone' });
}

async function expectOneBounce(farm: Farm, domain: string): Promise<void> {
  const dir = join(farm.var, 'mail', domain, 'anna');
  await waitFor(() => countMaildir(dir) > 0, { what: () => `a bounce\n${farm.tail()}` });
  await farm.drained();
  const bounces = readMaildir(dir).map((one) => one.content.toString());
  assert.equal(bounces.length, 1);
  assert.match(bounces[0] ?? '', /^Status: 5\.4\.6\r?$/m);
  assert.match(bounces[0] ?? '', /^Final-Recipient: rfc822; ?bob@loop\.example\r?$/im);
}

describe('a mail loop', () => {
  it('through one farm ends with a bounce', async () => {
    await using farm = await start('one.example');
    await sendAllTo(farm, farm.port);
    await sendMail({ port: farm.port, from: 'anna@one.example', to: ['bob@loop.example'] });
    await expectOneBounce(farm, 'one.example');
    const byListener = farm.logLines().filter((line) => line.event === 'received' && line['listener'] !== undefined);
    const received = byListener.length;
    assert.ok(received <= HOPS + 1, `it went round ${received} times`);
  });

  it('between two farms ends with a bounce', async () => {
    await using one = await start('one.example');
    await using two = await start('two.example');
    await sendAllTo(one, two.port);
    await sendAllTo(two, one.port);
    await sendMail({ port: one.port, from: 'anna@one.example', to: ['bob@loop.example'] });
    await expectOneBounce(one, 'one.example');
    await two.drained();
  });
});
