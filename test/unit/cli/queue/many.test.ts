/** Working verbs on many messages: the sum, the first ones, a question, the progress, and Ctrl-C. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { progressText } from '../../../../src/cli/queue/progress.ts';
import { ROOT } from '../../../support/run.ts';
import { waitFor } from '../../../support/wait.ts';
import { makeQueue, parseLines, type QueueFixture } from '../queue-fixture.ts';

/** Begins a line of the terminal anew. */
const CLEAR = '\r\u001b[2K';

async function queueOf(count: number): Promise<QueueFixture> {
  const queue = makeQueue();
  await queue.plantAll(Array.from({ length: count }, () => ({})));
  return queue;
}

interface Seen {
  readonly status: number | null;
  readonly stdout: string;
}

/** Runs bin/queue on a terminal of its own; `input` is what somebody types. */
function onTerminal(queue: QueueFixture, args: string, input = ''): Seen {
  const env = { ...process.env, MAILFARM_VAR: queue.var, MAILFARM_ETC: queue.etc };
  const command = ['-qec', `${ROOT}bin/queue ${args}`, '/dev/null'];
  return spawnSync('script', command, { env, input, encoding: 'utf8', timeout: 120_000, killSignal: 'SIGKILL' });
}

function needsScript(t: TestContext): boolean {
  if (spawnSync('script', ['--version']).status === 0) return false;
  t.skip('no script (of util-linux) on this machine');
  return true;
}

function deletedIn(queue: QueueFixture): readonly string[] {
  return readdirSync(path.join(queue.var, 'queue', 'deleted')).filter((name) => !name.includes('.'));
}

test('--quiet prints the sum only; --dry-run the first ones, and how many there are', async () => {
  const queue = await queueOf(25);
  const { stdout } = await queue.queue('delete', '--all', '--dry-run');
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.filter((line) => line.endsWith('would be moved to the deleted queue')).length, 20);
  assert.deepEqual(lines.slice(-2), [
    'and 5 more',
    '25 messages would be moved to the deleted queue; nothing was changed',
  ]);
  assert.equal(parseLines((await queue.queue('delete', '--all', '--dry-run', '--json')).stdout).length, 25);
  const held = await queue.queue('hold', '--all', '--quiet');
  assert.deepEqual([held.stdout, held.stderr], ['25 messages held\n', '']);
});

test('a terminal is asked before much is deleted or bounced, unless --yes', async (t) => {
  if (needsScript(t)) return;
  const queue = await queueOf(101);
  const no = onTerminal(queue, 'delete --all', 'no\n');
  assert.equal(no.status, EX.OK);
  assert.match(no.stdout, /queue: delete 101 messages\? \[y\/N\] /);
  assert.match(no.stdout, /queue: nothing was changed/);
  assert.equal((await queue.list()).length, 101);
  const fewer = onTerminal(queue, 'bounce --all --limit 1 --quiet');
  assert.doesNotMatch(fewer.stdout, /y\/N/);
  const yes = onTerminal(queue, 'delete --all', 'y\n');
  assert.match(yes.stdout, /101 messages moved to the deleted queue/);
  const again = onTerminal(queue, 'restore --all');
  assert.doesNotMatch(again.stdout, /y\/N/, 'what is easily undone is not asked about');
  assert.match(onTerminal(queue, 'delete --all --yes').stdout, /101 messages moved to the deleted queue/);
});

test('a terminal sees how far it is, and no line for each of many; a pipe sees lines, and nothing else', async (t) => {
  const queue = await queueOf(120);
  const piped = await queue.queue('hold', '--all');
  assert.equal(piped.stdout.match(/ {2}held\n/g)?.length, 120);
  assert.equal(piped.stderr, '');
  if (needsScript(t)) return;
  const { stdout } = onTerminal(queue, 'release --all');
  const drawn = stdout.split(CLEAR);
  assert.ok(
    drawn.some((line) => /^release: \d+ of 120 \[#* *\] \d+ %, \d+\/s/.test(line)),
    stdout,
  );
  assert.match(drawn.at(-1) ?? '', /^120 messages released\r\n$/, 'the line goes before the sum comes');
  assert.doesNotMatch(stdout, / {2}released/);
  for (const plain of ['--quiet', '--json']) {
    assert.ok(!onTerminal(queue, `hold --all ${plain}`).stdout.includes(CLEAR), plain);
    await queue.queue('release', '--all');
  }
});

test('the progress says what is done, how fast, and what is left', () => {
  assert.equal(
    progressText({ done: 1200, chosen: 4800, seconds: 3 }),
    '1200 of 4800 [#####               ] 25 %, 400/s, 9s left',
  );
  assert.equal(
    progressText({ done: 100, chosen: 1_000_000, seconds: 1 }),
    '100 of 1000000 [                    ] 0 %, 100/s, 2h46m left',
  );
  assert.equal(
    progressText({ done: 100, chosen: 10_000, seconds: 1 }),
    '100 of 10000 [                    ] 1 %, 100/s, 1m39s left',
  );
  assert.equal(progressText({ done: 7, chosen: 7, seconds: 0 }), '7 of 7 [####################] 100 %, 0/s');
  assert.equal(progressText({ done: 0, chosen: 0, seconds: 0 }), '0 of 0 [####################] 100 %, 0/s');
});

/** Ctrl-C, at a moment when the command cannot go on because nobody reads what it prints. */
test('a signal ends it with the number of what was done, and nothing half done', async () => {
  // More than fits into the pipe and what this process reads ahead.
  const count = 4000;
  const queue = await queueOf(count);
  const child = spawn(`${ROOT}bin/queue`, ['delete', '--all'], {
    env: { ...process.env, MAILFARM_VAR: queue.var, MAILFARM_ETC: queue.etc },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  await waitFor(() => deletedIn(queue).length > 0, { what: 'the first deletion' });
  child.kill('SIGINT');
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [status] = await ended;
  assert.equal(status, 130, err);
  const done = Number(/^(\d+) messages? moved to the deleted queue$/m.exec(out)?.[1]);
  assert.ok(done > 0 && done < count, out.slice(-200));
  assert.match(err, /^queue: interrupted; all others are as they were$/m);
  assert.equal(deletedIn(queue).length, done);
  assert.equal((await queue.queue('count')).stdout, `${count - done}\n`);
  assert.match(out, /to undo it: queue restore --operation [0-9a-z]{19}\n$/);
  assert.equal((await queue.queue('restore', '--operation', 'last', '--quiet')).stdout, `${done} messages restored\n`);
  assert.equal((await queue.queue('count')).stdout, `${count}\n`);
});
