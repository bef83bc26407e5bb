import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OrderedSyncs } from '../../../src/queue/ordered-syncs.ts';
import { waitFor } from '../../support/wait.ts';

interface Rig {
  readonly syncs: OrderedSyncs<{ readonly name: string; readonly done: () => void }>;
  /** Those under way, in the order in which they began. */
  readonly gates: PromiseWithResolvers<void>[];
  readonly answered: string[];
  readonly troubles: () => number;
  readonly begin: (...names: readonly string[]) => void;
}

function makeRig(): Rig {
  const gates: PromiseWithResolvers<void>[] = [];
  const answered: string[] = [];
  let troubles = 0;
  const sync = (): Promise<void> => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  };
  const syncs: Rig['syncs'] = new OrderedSyncs(sync, () => (troubles += 1));
  const begin = (...names: readonly string[]): void =>
    syncs.begin(names.map((name) => ({ name, done: () => void answered.push(name) })));
  return { syncs, gates, answered, troubles: () => troubles, begin };
}

describe('ordered syncs', () => {
  it('answer in the order of the records, whichever sync ends first', async () => {
    const { syncs, gates, answered, begin } = makeRig();
    begin('a', 'b');
    begin('c');
    gates[1]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(answered, []);
    gates[0]?.resolve();
    await syncs.all();
    assert.deepEqual(answered, ['a', 'b', 'c']);
    assert.equal(syncs.trouble, undefined);
  });

  it('make room for a second one beside a slow one, and for a third when one ended', async () => {
    const { syncs, gates, begin } = makeRig();
    begin('a');
    await syncs.room();
    assert.equal(gates.length, 1, 'it is still under way');
    begin('b');
    let room = false;
    const waiting = syncs.room().then(() => (room = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(room, false);
    gates[0]?.resolve();
    await waiting;
    gates[1]?.resolve();
    await syncs.all();
  });

  it('wait for the end of a quick one', async () => {
    const { syncs, gates, answered, begin } = makeRig();
    begin('a');
    setImmediate(() => gates[0]?.resolve());
    await syncs.room();
    assert.deepEqual(answered, ['a']);
  });

  it('answer for nothing that began beside a failed one or after it', async () => {
    const { syncs, gates, answered, troubles, begin } = makeRig();
    begin('a');
    begin('b', 'c');
    gates[1]?.resolve();
    gates[0]?.reject(new Error('EIO'));
    begin('d');
    await waitFor(() => gates.length === 3);
    gates[2]?.resolve();
    await syncs.all();
    assert.deepEqual([answered, syncs.lost.map(({ name }) => name)], [[], ['a', 'b', 'c', 'd']]);
    assert.equal(syncs.trouble?.message, 'EIO');
    assert.equal(troubles(), 3);
  });

  it('keep the answers that were given before a sync failed', async () => {
    const { syncs, gates, answered, begin } = makeRig();
    begin('a');
    begin('b');
    gates[0]?.resolve();
    await waitFor(() => answered.length === 1);
    gates[1]?.reject(new Error('EIO'));
    await syncs.all();
    assert.deepEqual([answered, syncs.lost.map(({ name }) => name)], [['a'], ['b']]);
  });
});
