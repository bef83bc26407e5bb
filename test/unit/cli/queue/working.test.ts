import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { makeQueue, parseLines, type ListedMessage, type QueueFixture } from '../queue-fixture.ts';

async function stateOf(queue: QueueFixture, id: string): Promise<ListedMessage | undefined> {
  return (await queue.list(id))[0];
}

test('hold and release, from the journal and from the tree', async () => {
  const queue = makeQueue();
  for (const inTree of [false, true]) {
    const id = await queue.plant({ inTree });
    const held = await queue.queue('hold', id, '--reason', 'looks odd');
    assert.deepEqual([held.status, held.stdout], [EX.OK, `${id}  held\n1 message held\n`]);
    const after = await stateOf(queue, id);
    assert.equal(after?.state, 'held');
    assert.equal(after.recipients[0]?.why, 'looks odd');
    assert.match((await queue.queue('hold', id)).stdout, /left alone: it is held already/);
    assert.match((await queue.queue('retry', id)).stdout, /left alone: it is held/);
    assert.equal((await queue.queue('release', id)).status, EX.OK);
    assert.equal((await stateOf(queue, id))?.state, 'waiting');
    assert.match((await queue.queue('release', id)).stdout, /left alone: it is not held/);
  }
});

test('a reason of any length, in any characters, holds what it is given for', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  assert.equal((await queue.queue('hold', id, '--reason', `two\nlines ${'x'.repeat(70_000)}`)).status, EX.OK);
  const after = await stateOf(queue, id);
  assert.equal(after?.state, 'held');
  assert.match(after.recipients[0]?.why ?? '', /^two lines x+…$/);
});

test('retry makes deferred recipients due, as if for the first time', async () => {
  const queue = makeQueue();
  const until = Date.now() + 3_600_000;
  const id = await queue.plant({
    inTree: true,
    outcomes: [{ state: 'deferred', recipients: ['bob@example.net'], attempts: 2, until }],
  });
  assert.equal((await queue.queue('retry', '--domain', 'example.net')).status, EX.OK);
  const { stdout } = await queue.queue('list', id);
  assert.match(stdout, /deferred +now/);
  assert.equal((await stateOf(queue, id))?.recipients[0]?.attempts, 0);
});

test('bounce makes recipients failed, with the reason', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  assert.equal((await queue.queue('bounce', id, '--reason', 'nobody wants it')).status, EX.OK);
  assert.equal((await stateOf(queue, id))?.state, 'failed');
  assert.match((await queue.queue('list', id)).stdout, /nobody wants it/);
});

test('delete moves to the deleted queue, restore brings back', async () => {
  const queue = makeQueue();
  for (const inTree of [true, false]) {
    const id = await queue.plant({ inTree });
    assert.equal((await queue.queue('delete', id)).status, EX.OK);
    assert.equal(await stateOf(queue, id), undefined, `gone, ${inTree ? 'tree' : 'journal'}`);
    assert.match((await queue.queue('list', '--state', 'deleted')).stdout, new RegExp(id));
    assert.match((await queue.queue('show', id)).stdout, /deleted queue/);
    assert.equal((await queue.queue('restore', id)).status, EX.OK);
    assert.equal((await stateOf(queue, id))?.state, 'waiting', 'back');
    assert.equal((await queue.queue('show', id, '--body')).stdout, 'hello\n');
    assert.equal((await queue.queue('count', '--state', 'deleted')).stdout, '0\n');
    assert.equal((await queue.queue('restore', id)).status, EX.NOINPUT);
  }
});

test('without a farm the command is the writer of the log, and leaves a line for each message', async () => {
  const queue = makeQueue();
  const [first, second] = [await queue.plant(), await queue.plant()];
  const file = path.join(queue.var, 'log', 'mailfarm.log');
  for (const verb of ['hold', 'delete', 'restore', 'bounce']) await queue.queue(verb, first);
  appendFileSync(file, '{"cut off');
  await queue.queue('delete', second);
  await queue.queue('delete', second);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"time"'));
  const told = lines.map((line): Record<string, unknown> => JSON.parse(line));
  assert.deepEqual(
    told.map(({ event, id, by }) => [event, id, by]),
    [
      ...['held', 'deleted', 'restored', 'given-up'].map((event) => [event, first, 'operator']),
      ['deleted', second, 'operator'],
    ],
  );
});

test('a log that cannot be written keeps no command from its work', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  writeFileSync(path.join(queue.var, 'log'), 'no folder');
  const ran = await queue.queue('hold', id);
  assert.equal(ran.status, EX.OK);
  assert.match(ran.stderr, /^queue: no line in the log: /);
  assert.equal((await stateOf(queue, id))?.state, 'held');
});

test('selectors choose what is worked on; --dry-run only tells', async () => {
  const queue = makeQueue();
  const mine = await queue.plant({ sender: 'a@example.org' });
  const other = await queue.plant({ sender: 'b@example.com' });
  const dry = await queue.queue('hold', '--sender', '*@example.org', '--dry-run');
  assert.match(dry.stdout, new RegExp(`${mine} +would be held\\n1 message would be held; nothing was changed`));
  assert.equal((await stateOf(queue, mine))?.state, 'waiting');
  assert.equal((await queue.queue('hold', '--sender', '*@example.org')).status, EX.OK);
  assert.equal((await stateOf(queue, mine))?.state, 'held');
  assert.equal((await stateOf(queue, other))?.state, 'waiting');
});

test('everything is meant only when it is said', async () => {
  const queue = makeQueue();
  await queue.plant();
  await queue.plant();
  const refused = await queue.queue('delete');
  assert.equal(refused.status, EX.USAGE);
  assert.match(refused.stderr, /--all/);
  const others = await queue.queue('delete', '--not', 'domain=example.org');
  assert.deepEqual([others.status, others.stdout], [EX.USAGE, '']);
  assert.match(others.stderr, /--all for every one but those of --not/);
  for (const empty of [
    ['--sender', ''],
    ['--not', 'domain='],
  ]) {
    const ran = await queue.queue('delete', '--all', ...empty);
    assert.deepEqual([ran.status, ran.stdout], [EX.USAGE, '']);
    assert.match(ran.stderr, /needs a value/);
  }
  assert.equal((await queue.queue('hold', '--all', '--limit', '1')).status, EX.OK);
  assert.equal((await queue.list('--state', 'held')).length, 1);
  const done = await queue.queue('hold', '--all', '--state', 'waiting', '--json');
  const told = parseLines(done.stdout) as readonly { readonly verb: string; readonly done: boolean }[];
  assert.deepEqual(
    told.map((one) => [one.verb, one.done]),
    [['hold', true]],
  );
});

test('an unknown id is told', async () => {
  const queue = makeQueue();
  const ran = await queue.queue('hold', '0000000000000000000');
  assert.deepEqual([ran.status, ran.stdout], [EX.NOINPUT, '']);
  assert.match(ran.stderr, /no such message/);
});

test('a deleted message has no next attempt', async () => {
  const queue = makeQueue();
  const outcome = { state: 'deferred', recipients: ['bob@example.net'], until: Date.now() + 3_600_000 } as const;
  const id = await queue.plant({ inTree: true, outcomes: [outcome] });
  assert.match((await queue.queue('list')).stdout, / deferred +in \d+m /);
  assert.equal((await queue.queue('delete', id)).status, EX.OK);
  assert.match((await queue.queue('list', '--state', 'deleted')).stdout, / deleted +- /);
});

test('many messages are worked on in batches', async () => {
  const queue = makeQueue();
  for (let i = 0; i < 25; i += 1) await queue.plant({ inTree: i % 2 === 0 });
  const { status, stdout } = await queue.queue('hold', '--all');
  assert.equal(status, EX.OK);
  // None is met twice, though those of the journal move to the tree meanwhile.
  assert.match(stdout, /25 messages held\n$/);
  assert.equal((await queue.list('--state', 'held')).length, 25);
});
