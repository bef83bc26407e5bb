import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openHandOn, type HandedOn, type HandOn, type HandOnOptions } from '../../../src/ipc/hand-on.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import { waitFor } from '../../support/wait.ts';
import { CLIENT, openStage, socketPath } from './support.ts';

function message(handle: string): HandedOn {
  return { t: 'routed', handle, sender: '', received: 1, tenant: 'default', size: 1, parts: [] };
}

function open(address: string, more: Partial<HandOnOptions> = {}): HandOn {
  return openHandOn({ address, self: CLIENT, ...more });
}

const handleOf = (frame: Frame): string => (frame.t === 'routed' ? frame.handle : frame.t);
const soon = (): number => Date.now() + 60_000;

describe('handing on', () => {
  it('resolves when the message was taken, and not before', async () => {
    const path = socketPath();
    const held: (() => void)[] = [];
    const stage = await openStage(path, (frame, peer) => {
      if ('n' in frame) held.push(() => peer.send({ t: 'taken', n: frame.n }));
    });
    const handOn = open(path);
    let taken = 0;
    const all = ['a', 'b', 'c'].map((handle) => handOn.send(message(handle)).then(() => (taken += 1)));
    await waitFor(() => held.length === 3);
    assert.deepEqual([taken, handOn.outstanding], [0, 3]);
    for (const answer of held) answer();
    await Promise.all(all);
    assert.equal(handOn.outstanding, 0);
    await handOn.close(soon());
    await stage.server.close();
  });

  it('sends again what was not taken when the connection was lost, and takes every answer once', async () => {
    const path = socketPath();
    let kill = true;
    const stage = await openStage(path, (frame, peer) => {
      if (!('n' in frame)) return;
      if (handleOf(frame) === 'c' && kill) {
        kill = false;
        peer.close();
        return;
      }
      if (handleOf(frame) === 'a' || !kill) peer.send({ t: 'taken', n: frame.n });
      if (handleOf(frame) === 'a') peer.send({ t: 'taken', n: frame.n });
    });
    const handOn = open(path);
    await handOn.send(message('a'));
    await Promise.all([handOn.send(message('b')), handOn.send(message('c'))]);
    assert.deepEqual(stage.frames.map(handleOf), ['a', 'b', 'c', 'b', 'c']);
    await handOn.close(soon());
    await stage.server.close();
  });

  it('goes to another worker when one answers nothing, and holds that against no message', async () => {
    const path = socketPath();
    const poisoned: string[] = [];
    const stage = await openStage(path, (frame, peer) => {
      // Six hang: more than the losses that make a message poison.
      if ('n' in frame && stage.peers.length > 6) peer.send({ t: 'taken', n: frame.n });
    });
    const handOn = open(path, { patienceMs: 10, onPoison: async ({ handle }) => void poisoned.push(handle) });
    await Promise.all(['a', 'b'].map((handle) => handOn.send(message(handle))));
    assert.ok(stage.peers.length >= 7);
    assert.deepEqual(poisoned, []);
    await handOn.close(soon());
    await stage.server.close();
  });

  it('kills workers that say nothing at all, and gives up the message over which they hang, and only that one', async () => {
    const path = socketPath();
    const [poisoned, killed]: [string[], number[]] = [[], []];
    const hung = new Set<unknown>();
    const stage = await openStage(path, (frame, peer) => {
      if (handleOf(frame) === 'poison') hung.add(peer);
      // What came before it went on, and its answers are never read.
      if ('n' in frame && handleOf(frame) === 'c' && !hung.has(peer)) peer.send({ t: 'taken', n: frame.n });
      if ('n' in frame && stage.frames.filter((one) => handleOf(one) === 'poison').length >= 3 && !hung.has(peer))
        peer.send({ t: 'taken', n: frame.n });
    });
    const handOn = open(path, {
      patienceMs: 20,
      kill: (pid) => void killed.push(pid),
      onPoison: async ({ handle }) => void poisoned.push(handle),
    });
    await Promise.all(['a', 'poison', 'b', 'c'].map((handle) => handOn.send(message(handle))));
    assert.deepEqual(poisoned, ['poison']);
    assert.deepEqual(
      killed,
      Array.from({ length: 5 }, () => process.pid),
    );
    await handOn.close(soon());
    await stage.server.close();
  });

  it('leaves workers alone that say they are at work: the stage behind them is to blame', async () => {
    const path = socketPath();
    const [poisoned, killed]: [string[], number[]] = [[], []];
    const stage = await openStage(path, (frame, peer) => {
      if (!('n' in frame)) return;
      if (stage.peers.length > 2) return peer.send({ t: 'taken', n: frame.n });
      const beat = setInterval(() => (peer.closed ? clearInterval(beat) : peer.send({ t: 'at-work' })), 1);
    });
    const handOn = open(path, {
      patienceMs: 100,
      kill: (pid) => void killed.push(pid),
      onPoison: async ({ handle }) => void poisoned.push(handle),
    });
    await handOn.send(message('a'));
    assert.deepEqual([poisoned, killed], [[], []]);
    await handOn.close(soon());
    await stage.server.close();
  });

  it('waits for a stage that is not there, and asks for one', async () => {
    const path = socketPath();
    let woken = 0;
    const handOn = open(path, { wake: () => (woken += 1) });
    const sent = handOn.send(message('a'));
    await waitFor(() => woken > 0);
    const stage = await openStage(path, (frame, peer) => 'n' in frame && peer.send({ t: 'taken', n: frame.n }));
    await sent;
    await handOn.close(soon());
    await stage.server.close();
  });

  it('gives up a message that kills the stage, and only that one', async () => {
    const path = socketPath();
    const poisoned: string[] = [];
    const stage = await openStage(path, (frame, peer) => {
      if (handleOf(frame) === 'poison') peer.close();
      else if ('n' in frame && peer.hello && !isDoomed(peer)) peer.send({ t: 'taken', n: frame.n });
    });
    // While the poison is in the same batch, the stage answers nobody before it dies.
    const isDoomed = (peer: unknown): boolean => stage.peers.length <= 3 && stage.peers.includes(peer as never);
    const handOn = open(path, { onPoison: async (frame) => void poisoned.push(frame.handle) });
    const sent = ['a', 'b', 'poison', 'c'].map((handle) => handOn.send(message(handle)));
    await Promise.all(sent);
    assert.deepEqual(poisoned, ['poison']);
    const times = stage.frames.filter((frame) => handleOf(frame) === 'poison').length;
    assert.equal(times, 5, 'three times in company, twice alone');
    await handOn.close(soon());
    await stage.server.close();
  });

  it('gives a suspect its turn alone also when messages never stop coming', async () => {
    const path = socketPath();
    const poisoned: string[] = [];
    const company: number[] = [];
    let inHand = 0;
    const stage = await openStage(path, (frame, peer) => {
      if (!('handle' in frame)) return;
      if (frame.handle === 'bad') {
        company.push(inHand);
        inHand = 0;
        peer.close();
        return;
      }
      inHand += 1;
      setImmediate(() => {
        inHand = Math.max(0, inHand - 1);
        peer.send({ t: 'taken', n: frame.n });
      });
    });
    const handOn = open(path, { onPoison: async (frame) => void poisoned.push(frame.handle) });
    let sent = 0;
    let taken = 0;
    const traffic = setInterval(() => {
      sent += 1;
      void handOn.send(message(`good-${sent}`)).then(() => (taken += 1));
    }, 1);
    await handOn.send(message('bad'));
    clearInterval(traffic);
    await waitFor(() => taken === sent);
    assert.deepEqual(poisoned, ['bad']);
    assert.deepEqual(company.slice(3), [0, 0], 'alone the last two times');
    await handOn.close(soon());
    await stage.server.close();
  });

  it('gives up at once what the stage refuses', async () => {
    const path = socketPath();
    const poisoned: string[] = [];
    const stage = await openStage(
      path,
      (frame, peer) => 'n' in frame && peer.send({ t: 'refused', n: frame.n, why: 'a\r\nb' }),
    );
    const handOn = open(path, { onPoison: async (frame, why) => void poisoned.push(`${frame.handle}: ${why}`) });
    await handOn.send(message('a'));
    assert.deepEqual(poisoned, ['a: a b']);
    await handOn.close(soon());
    await stage.server.close();
  });

  it('closes at the deadline, though something is left', async () => {
    const path = socketPath();
    const stage = await openStage(path, () => undefined);
    const handOn = open(path);
    let taken = false;
    void handOn.send(message('a')).then(() => (taken = true));
    await waitFor(() => stage.frames.length === 1);
    await handOn.close(Date.now() + 20);
    assert.deepEqual([taken, handOn.outstanding], [false, 1]);
    await waitFor(() => stage.server.peers.size === 0);
    await stage.server.close();
  });

  it('leaves no connection behind when it was closed before anybody greeted', async () => {
    const path = socketPath();
    let woken = 0;
    const handOn = open(path, { wake: () => (woken += 1) });
    void handOn.send(message('a'));
    await waitFor(() => woken > 0);
    await handOn.close(Date.now());
    const stage = await openStage(path, () => undefined);
    await waitFor(() => stage.peers.length === 1 && stage.server.peers.size === 0);
    assert.deepEqual(stage.frames, []);
    await stage.server.close();
  });
});
