/**
 * mailfarmd --drain, as cron runs it: what is due is tried once, what has to wait stays, what a drain makes itself is delivered too,
 * and it may be stopped or killed at any instant.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { readLog } from '../../support/log-lines.ts';
import { readMaildir } from '../../support/maildir.ts';
import { run, type Ran } from '../../support/run.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

/** Nobody listens there. */
const DEAD = '{match: dead.example, via: "smtp:[127.0.0.1]:9"}';

class Drains {
  readonly folders: Folders = makeFolders();
  readonly env = { MAILFARM_ETC: this.folders.etc, MAILFARM_VAR: this.folders.var };
  readonly #set: readonly string[];

  constructor(port: number, set: readonly string[] = []) {
    this.#set = ['hostname=here.example', `routes=[${DEAD}, {match: "*", via: "smtp:[127.0.0.1]:${port}"}]`, ...set];
  }

  /** With no farm: into the queue on disk. */
  async send(id: string, to: string, ...more: readonly string[]): Promise<void> {
    const ran = await run('bin/sendmail', ['-f', 'anna@localhost', ...more, to], {
      env: this.env,
      input: `X-Test-Id: ${id}\n\nhello\n`,
    });
    assert.equal(ran.status, 0, ran.stderr);
  }

  drain(args: readonly string[] = ['--drain']): Promise<Ran> {
    return run('bin/mailfarmd', [...args, ...this.#set.flatMap((text) => ['--set', text])], { env: this.env });
  }

  start(): Promise<Farm> {
    const options: FarmOptions = { folders: this.folders, args: ['--drain'], set: this.#set };
    return startFarm(options);
  }

  async queue(...args: readonly string[]): Promise<string> {
    const ran = await run('bin/queue', args, { env: this.env });
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout;
  }

  log(event: string): readonly ReturnType<typeof readLog>[number][] {
    return readLog(join(this.folders.var, 'log')).filter((line) => line.event === event);
  }

  [Symbol.dispose](): void {
    removeTemp(this.folders.root);
  }
}

function drainedLine({ stdout }: Pick<Ran, 'stdout'>): string | undefined {
  return /^mailfarmd: drained (.*)$/m.exec(stdout)?.[1];
}

describe('a drain', () => {
  it('tries all that is due once, delivers its own bounces, leaves what has to wait, and says so', async () => {
    await using sink = await startSink({
      onRcpt: (to) => (to.startsWith('nobody') ? '550 5.1.1 no such user' : undefined),
      onData: (to) => (to.startsWith('later') ? '451 4.2.0 later' : undefined),
    });
    using drains = new Drains(sink.port);
    // Queue only: that is for the next drain.
    await drains.send('good', 'bob@far.example', '-odq');
    await drains.send('bad', 'nobody@far.example');
    await drains.send('grey', 'later@far.example');
    for (const id of ['dead-1', 'dead-2', 'dead-3']) await drains.send(id, 'bob@dead.example');
    await drains.send('held', 'bob@far.example');
    const listed = (await drains.queue('list', '--json')).trim().split('\n');
    const last = JSON.parse(listed.at(-1) ?? '') as { readonly id: string };
    await drains.queue('hold', '--id', last.id);

    const ran = await drains.drain();
    assert.equal(ran.status, 0, ran.stderr);
    // The bounce is for a mailbox of ours.
    assert.equal(drainedLine(ran), 'delivered=2 bounced=1 waiting=4 held=1');
    assert.deepEqual([...sink.counts().keys()], ['good']);
    const [bounce] = readMaildir(join(drains.folders.var, 'mail/localhost/anna'));
    assert.match(bounce?.content.toString() ?? '', /no such user/);
    const tried = drains.log('attempt').filter(({ channel }) => channel === 'smtp');
    assert.ok(tried.filter(({ next }) => String(next).endsWith(':9')).length <= 3, 'the dead hop was not tried again');
    assert.deepEqual(drains.log('imbalance'), []);
    assert.equal((await drains.queue('count')).trim(), '5');
  });

  it('of an empty queue, or of one that only waits or is held, ends soon', async () => {
    await using sink = await startSink({ onMail: () => '451 4.3.2 later' });
    using drains = new Drains(sink.port, ['retry.times=[1h]']);
    assert.equal(drainedLine(await drains.drain()), 'delivered=0 bounced=0 waiting=0 held=0');
    await drains.send('grey', 'bob@far.example');
    assert.equal(drainedLine(await drains.drain()), 'delivered=0 bounced=0 waiting=1 held=0');
    assert.equal(drainedLine(await drains.drain()), 'delivered=0 bounced=0 waiting=1 held=0');
    assert.equal(drains.log('attempt').length, 1, 'it waits for its hour, in every drain');
    assert.match(await drains.queue('retry', '--all'), /1 message put back to work/);
    assert.equal(drainedLine(await drains.drain()), 'delivered=0 bounced=0 waiting=1 held=0');
    assert.equal(drains.log('attempt').length, 2, 'unless it is told to');
    await drains.queue('hold', '--all');
    assert.equal(drainedLine(await drains.drain()), 'delivered=0 bounced=0 waiting=0 held=1');
  });

  it('waits for deferred mail until the queue is empty: --drain=all', async () => {
    let refusals = 2;
    await using sink = await startSink({ onMail: () => (refusals-- > 0 ? '451 4.3.2 later' : undefined) });
    using drains = new Drains(sink.port, ['retry.times=[100ms]']);
    await drains.send('grey', 'bob@far.example');
    const ran = await drains.drain(['--drain=all']);
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(drainedLine(ran), 'delivered=1 bounced=0 waiting=0 held=0');
    assert.equal(sink.ledger.length, 1);
  });
});

describe('a drain that is disturbed', () => {
  it('is the only one on its var; a second one ends at once with 0, a farm with 75, and both tell its pid', async () => {
    let open: (() => void) | undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    await using sink = await startSink({ onData: () => opened.then(() => undefined) });
    using drains = new Drains(sink.port);
    await drains.send('one', 'bob@far.example');
    await using first = await drains.start();
    const [second, farm] = await Promise.all([drains.drain(), drains.drain([])]);
    assert.deepEqual([second.status, farm.status], [0, 75]);
    for (const { stderr } of [second, farm])
      assert.match(stderr, new RegExp(`another instance runs on .*: pid ${first.pid}\n`));
    open?.();
    assert.equal(await first.ended, 0);
    assert.equal(drainedLine(first), 'delivered=1 bounced=0 waiting=0 held=0');
  });

  it('loses nothing by SIGTERM in its middle, nor by SIGKILL: the next one delivers the rest, once', async () => {
    const MANY = 30;
    let most = 10;
    let letGo: (() => void) | undefined;
    const gone = new Promise<string>((resolve) => (letGo = () => resolve('421 4.3.2 closing')));
    await using sink = await startSink({ onRcpt: () => (sink.ledger.length >= most ? gone : undefined) });
    using drains = new Drains(sink.port, [
      'lanes.perBin=1',
      'lanes.depth=1',
      'farms.smtp.drain=1s',
      // What a stop cut off was tried: it is due again in the next drain.
      'retry.times=[1ms]',
    ]);
    for (let n = 0; n < MANY; n += 1) await drains.send(`m-${n}`, `user-${n}@far.example`);
    const finished = (): number => drains.log('removed').length;

    await using first = await drains.start();
    await waitFor(() => finished() >= 10, { what: () => `ten deliveries\n${first.tail()}` });
    assert.equal(await first.stop(), 0);
    most = 20;
    await using second = await drains.start();
    await waitFor(() => finished() >= 20, { what: () => `twenty deliveries\n${second.tail()}` });
    await second.killAll();
    most = Infinity;
    letGo?.();
    const last = await drains.drain();
    assert.equal(last.status, 0, last.stderr);
    assert.equal(sink.counts().size, MANY);
    assert.deepEqual(
      [...sink.counts()].filter(([, times]) => times !== 1),
      [],
      'nothing came twice',
    );
    assert.match(drainedLine(last) ?? '', / waiting=0 held=0$/);
    assert.equal((await drains.queue('count')).trim(), '0');
  });
});
