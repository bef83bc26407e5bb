/** Deletions have names, by which they are undone, and the deleted queue tells them. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { makeQueue, parseLines, type QueueFixture } from '../queue-fixture.ts';

/** Deletes what is chosen; resolves with the id of the operation. */
async function remove(queue: QueueFixture, ...args: readonly string[]): Promise<string> {
  const ran = await queue.queue('delete', ...args);
  assert.equal(ran.status, EX.OK, ran.stderr);
  const operation = /\nto undo it: queue restore --operation ([0-9a-z]{19})\n$/.exec(ran.stdout)?.[1];
  assert.ok(operation, ran.stdout);
  return operation;
}

async function idsOf(queue: QueueFixture, ...args: readonly string[]): Promise<readonly string[]> {
  return (await queue.list(...args)).map(({ id }) => id).toSorted();
}

test('restore brings back what one deletion took, by its id or as the last one', async () => {
  const queue = makeQueue();
  const [a = '', b = '', c = ''] = await queue.plantAll([
    { sender: 'a@one.example', inTree: true },
    { sender: 'b@one.example' },
    { sender: 'c@two.example' },
  ]);
  const first = await remove(queue, '--sender', '*@one.example');
  const second = await remove(queue, c);
  assert.notEqual(first, second);
  assert.deepEqual(await idsOf(queue, '--operation', first), [a, b].toSorted());
  assert.deepEqual(await idsOf(queue, '--operation', 'last'), [c]);
  assert.deepEqual(await idsOf(queue, '--operation', first, '--sender', 'a@*'), [a], 'selectors narrow it');
  const restored = await queue.queue('restore', '--operation', first);
  assert.deepEqual([restored.status, restored.stdout.split('\n').at(-2)], [EX.OK, '2 messages restored']);
  assert.deepEqual(await idsOf(queue), [a, b].toSorted());
  assert.equal((await queue.queue('restore', '--operation', 'last', '--quiet')).stdout, '1 message restored\n');
  assert.deepEqual(readdirSync(path.join(queue.var, 'queue', 'deleted')), [], 'nothing is left behind');
  assert.equal((await queue.queue('restore', '--operation', 'last')).stdout, '0 messages restored\n');
});

test('what is deleted again belongs to the later deletion', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  const first = await remove(queue, id);
  await queue.queue('restore', id);
  const second = await remove(queue, id);
  assert.deepEqual(await idsOf(queue, '--operation', first), []);
  assert.deepEqual(await idsOf(queue, '--operation', second), [id]);
});

test('the deleted queue says when, and by which deletion, in words and as JSON', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  const operation = await remove(queue, '--all');
  const { stdout } = await queue.queue('list', '--state', 'deleted');
  assert.match(stdout, /^ID .* DELETED +OPERATION +SENDER/);
  assert.match(stdout, new RegExp(`^${id} .* ${operation} `, 'm'));
  const [json] = parseLines((await queue.queue('show', '--json', id)).stdout) as readonly {
    readonly deletion: { readonly operation: string; readonly at: string };
  }[];
  assert.equal(json?.deletion.operation, operation);
  assert.ok(Math.abs(Date.parse(json.deletion.at) - Date.now()) < 3_600_000);
  assert.match((await queue.queue('summary', '--state', 'deleted', '--by', 'state')).stdout, /^deleted +1 /m);
});

test('with --json each line of a deletion has its id', async () => {
  const queue = makeQueue();
  await queue.plant();
  const { stdout } = await queue.queue('delete', '--all', '--json');
  const [told, ...more] = parseLines(stdout) as readonly { readonly operation: string; readonly done: boolean }[];
  assert.ok(told?.done && more.length === 0);
  assert.equal((await queue.list('--operation', told.operation)).length, 1);
});

test('other verbs do nothing to the deleted queue, and say so', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  await remove(queue, id);
  for (const [verb, ...args] of [
    ['hold', '--state', 'deleted'],
    ['delete', '--operation', 'last'],
  ] as const) {
    const ran = await queue.queue(verb, ...args);
    assert.deepEqual([ran.status, ran.stdout], [EX.USAGE, ''], verb);
    assert.match(ran.stderr, /restore brings mail back/);
  }
  assert.equal((await queue.list('--state', 'deleted')).length, 1);
});
