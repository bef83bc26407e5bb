/** Somebody sets the clock while mail waits: nothing is lost, returned, or tried in a rush, and nobody is killed for it. */
import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { makeTestClock, type TestClock } from '../../support/shims/clock.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const TO = ['bob@far.example'];
/** So many that at every moment some have an answer which is not in the scheduler's hands yet. */
const MESSAGES = 100;

function options(clock: TestClock, sink: Sink, ...more: readonly string[]): FarmOptions {
  return {
    env: clock.env,
    set: [
      `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'domains.local=[localhost]',
      'retry.warnAfter=4h',
      ...more,
    ],
  };
}

function attempts(farm: Farm): number {
  return farm.logLines().filter((line) => line.event === 'attempt').length;
}

function mailToSender(farm: Farm): number {
  return countMaildir(join(farm.var, 'mail', 'localhost', 'anna'));
}

describe('a clock that is set while mail waits', () => {
  it('changes nothing, however often and far', async () => {
    let refuses = true;
    await using sink = await startSink({ onMail: () => (refuses ? '451 4.3.2 later' : undefined) });
    const clock = makeTestClock();
    await using farm = await startFarm(options(clock, sink, 'retry.times=[1s]'));
    const { accepted } = await sendMail({ port: farm.port, from: 'anna@localhost', to: TO, count: MESSAGES });
    for (const step of [0, -HOUR, DAY, 10 * YEAR, 0, DAY, -DAY]) {
      clock.step(step);
      const soFar = attempts(farm);
      // Most were tried twice since. That none of them waits for a time of another clock, the end shows.
      await waitFor(() => attempts(farm) >= soFar + 2 * MESSAGES, {
        what: () => `retries after ${step} ms\n${farm.tail()}`,
      });
      assert.equal((await sendMail({ port: farm.port, to: ['carl@localhost'] })).accepted.length, 1, 'new mail');
    }
    assert.equal(mailToSender(farm), 0, `no bounce, no warning\n${farm.tail()}`);
    clock.step(0);
    refuses = false;
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      accepted.filter((id) => counts.get(id) !== 1),
      [],
      'each once',
    );
    const ends = farm.logLines().filter((line) => line.event === 'exited' && line.farm !== 'injector');
    assert.deepEqual(ends, [], 'nobody was killed for being stuck, or died');
    assert.equal(mailToSender(farm), 0);
  });

  it('lets nothing be tried in a rush', async () => {
    await using sink = await startSink({ onMail: () => '451 4.3.2 later' });
    const clock = makeTestClock();
    await using farm = await startFarm(options(clock, sink, 'retry.times=[1h]'));
    await sendMail({ port: farm.port, from: 'anna@localhost', to: TO, count: 20 });
    const deferred = async (): Promise<number> =>
      Number((await farm.queueCli(['count', '--state', 'deferred'])).stdout);
    await waitFor(async () => (await deferred()) === 20, { what: () => `20 deferred\n${farm.tail()}` });
    const soFar = attempts(farm);
    clock.step(2 * DAY);
    // New mail, and two rounds of the scheduler's chores, which look at the clock.
    await sendMail({ port: farm.port, to: ['carl@localhost'] });
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    const rush = farm.logLines().filter((line) => line.event === 'attempt' && line['channel'] === 'smtp').length;
    assert.equal(rush, soFar, 'each waits for its hour');
    clock.lapse(HOUR * 1.3);
    await waitFor(() => attempts(farm) > soFar + 20, { what: () => `retries after an hour\n${farm.tail()}` });
    assert.equal(mailToSender(farm), 0, 'nobody is warned or told of a failure');
  });

  it('and put right over a restart, keeps no message for years', async () => {
    const folders = makeFolders();
    try {
      let refuses = true;
      await using sink = await startSink({ onMail: () => (refuses ? '451 4.3.2 later' : undefined) });
      const clock = makeTestClock();
      clock.step(10 * YEAR);
      const accepted: string[] = [];
      {
        await using farm = await startFarm({ ...options(clock, sink, 'retry.times=[1s]'), folders });
        accepted.push(...(await sendMail({ port: farm.port, to: TO, count: 5 })).accepted);
        await waitFor(() => attempts(farm) >= 10, { what: () => `deferrals\n${farm.tail()}` });
        await farm.killAll();
      }
      refuses = false;
      clock.step(0);
      for (const name of readdirSync(join(folders.var, 'queue'), { recursive: true, encoding: 'utf8' })) {
        utimesSync(join(folders.var, 'queue', name), new Date(Date.now() + YEAR), new Date(Date.now() + YEAR));
      }
      await using farm = await startFarm({ ...options(clock, sink, 'retry.times=[1s]'), folders });
      // They were to be tried in ten years; nothing waits for longer than an hour, which passes here.
      await farm.waitForLog((line) => line.event === 'injection-done' && line['injected'] === 5);
      clock.lapse(2 * HOUR);
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => counts.get(id) !== 1),
        [],
        `each once\n${farm.tail()}`,
      );
    } finally {
      removeTemp(folders.root);
    }
  });
});
