/** Workers are asked what they have in hand at this moment: what they said before does not count. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { haveEmptyHands } from '../../../src/supervisor/empty-hands.ts';
import { Member } from '../../../src/supervisor/member.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

/** A worker that says by itself that it has nothing in hand, and that it has so much when it is asked. */
async function start(t: TestContext, inHand: number, farm: Member['farm'] = 'bounce'): Promise<Member> {
  const script = join(makeTemp('hands'), 'worker.mjs');
  writeFileSync(
    script,
    `const say = (stats, n) => process.send({ report: 'stats', jobs: 0, stats, ...(n && { n }) });
     process.on('message', ({ order, n }) => {
       if (order !== 'figures') return;
       say({ busy: 0, inHand: 0 });
       setTimeout(() => say({ busy: ${inHand}, inHand: 0 }, n), 50);
     });
     say({ busy: 0, inHand: 0 });
     process.send({ report: 'ready' });`,
  );
  const member = new Member({
    farm,
    name: `${farm}-1`,
    instance: `${farm}-1-test`,
    epoch: 1,
    fork: () => fork(script),
    events: { onReady: () => {}, onReport: () => {}, onGone: () => {} },
  });
  t.after(() => member.kill('the test is over'));
  await waitFor(() => member.ready);
  return member;
}

describe('empty hands', () => {
  it('are those of workers that say so when they are asked', async (t) => {
    assert.equal(await haveEmptyHands([await start(t, 0), await start(t, 0, 'router')]), true);
  });

  it('are not believed of a worker that said so before it was asked', async (t) => {
    assert.equal(await haveEmptyHands([await start(t, 0), await start(t, 1)]), false);
  });

  it('are also those of a worker that dies over the question', async (t) => {
    const member = await start(t, 1);
    const asked = haveEmptyHands([member]);
    member.kill('it dies');
    assert.equal(await asked, true);
  });

  it('are not asked of those that carry no mail', async (t) => {
    assert.equal(await haveEmptyHands([await start(t, 1, 'log'), await start(t, 1, 'injector')]), true);
  });
});
