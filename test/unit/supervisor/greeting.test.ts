import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { echoTroubles } from '../../../src/supervisor/echo-troubles.ts';
import { firstSteps, readyLine, type GreetingOptions } from '../../../src/supervisor/greeting.ts';
import { makeTemp } from '../../support/temp.ts';

async function greeting(set: readonly string[]): Promise<GreetingOptions> {
  const loaded = await loadConfig({ etcDir: makeTemp(), varDir: '/srv/mail farm', set });
  assert.ok(loaded.ok);
  return { version: '1.2.3', config: loaded.config, listeners: ['127.0.0.1:25', '[::1]:25'] };
}

describe('the greeting', () => {
  it('is one line for programs', async () => {
    const line = readyLine(await greeting([]));
    assert.equal(
      line,
      `mailfarmd: ready version=1.2.3 pid=${process.pid} listen=127.0.0.1:25,[::1]:25 var=/srv/mail farm`,
    );
  });

  it('tells people how to send a first message to a mailbox that exists, and where it will be', async () => {
    const text = firstSteps(
      await greeting(['mailboxes=["anna@example.org","bob"]', 'domains.local=["example.org"]']),
    ).join('\n');
    assert.match(text, /sendmail .*anna@example\.org/);
    assert.match(text, /\/srv\/mail farm\/mail\/example\.org\/anna\/new/);
  });

  it('names folders that the commands would not find by themselves, in a form for the shell', async () => {
    const { config, ...rest } = await greeting([]);
    const [send = '', , then = ''] = firstSteps({ config, ...rest });
    assert.match(send, /sendmail --etc \S+ --var '\/srv\/mail farm' me@localhost$/);
    assert.match(then, /queue list --etc \S+ --var '\/srv\/mail farm';/);
    const { code } = config.paths;
    const paths = { etc: `${code}/etc`, var: `${code}/var`, code };
    assert.match(firstSteps({ config: { ...config, paths }, ...rest })[0] ?? '', /\/bin\/sendmail me@localhost$/);
  });

  it('is silent about mailboxes where there are none', async () => {
    assert.deepEqual(firstSteps(await greeting(['domains.local=[]'])), []);
  });
});

describe('echoTroubles', () => {
  it('repeats warnings and errors on stderr until it is told to be quiet, one line each', () => {
    const [logged, said]: [string[], string[]] = [[], []];
    const note = (event: string): void => void logged.push(event);
    const log = echoTroubles({ info: note, warn: note, error: note }, (line) => said.push(line));
    log.info('started');
    log.warn('throttled', { farm: 'smtp', signal: null, seconds: 2 });
    log.error('exited', { why: 'two\nlines' });
    log.quiet();
    log.error('exited');
    assert.deepEqual(logged, ['started', 'throttled', 'exited', 'exited']);
    assert.deepEqual(said, ['throttled farm=smtp seconds=2', 'exited why=two lines']);
  });
});
