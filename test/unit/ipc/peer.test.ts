import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { DeadlineExceeded } from '../../../src/base/deadline.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import { PeerGone, type Peer } from '../../../src/ipc/peer.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import { waitFor } from '../../support/wait.ts';
import { CLIENT, openPair, SERVER, socketPath } from './support.ts';

function collect(peer: Peer): Frame[] {
  const frames: Frame[] = [];
  peer.onFrame = (frame) => void frames.push(frame);
  return frames;
}

describe('a peer', () => {
  it('knows what the other end said of itself', async () => {
    await using pair = await openPair();
    assert.deepEqual(pair.server.hello, CLIENT);
    assert.deepEqual(pair.client.hello, SERVER);
  });

  it('gets frames in the order in which they were sent', async () => {
    await using pair = await openPair();
    const frames = collect(pair.server);
    for (let n = 1; n <= 5000; n += 1) pair.client.send({ t: 'taken', n });
    await waitFor(() => frames.length === 5000);
    assert.ok(frames.every((frame, i) => 'n' in frame && frame.n === i + 1));
  });

  it('keeps frames for whoever comes to want them', async () => {
    await using pair = await openPair();
    pair.client.send({ t: 'plan?', n: 1 });
    pair.client.send({ t: 'plan?', n: 2 });
    // A request that is answered proves that what was sent before it has arrived.
    const asked = pair.server.request({ t: 'stats?' }, 60_000);
    const answers = collect(pair.client);
    await waitFor(() => answers.length === 1);
    pair.client.send({ t: 'taken', n: (answers[0] as { n: number }).n });
    await asked;
    const frames = collect(pair.server);
    pair.client.send({ t: 'plan?', n: 3 });
    await waitFor(() => frames.length === 3);
    assert.deepEqual(
      frames.map((frame) => (frame as { n: number }).n),
      [1, 2, 3],
    );
  });

  it('matches answers to requests by their id, in whatever order they come', async () => {
    await using pair = await openPair();
    const requests = collect(pair.server);
    const answers = ['a', 'b', 'c'].map((id) => pair.client.request({ t: 'claim', ids: [id] }, 60_000));
    await waitFor(() => requests.length === 3);
    for (const frame of requests.toReversed()) {
      if (frame.t === 'claim') pair.server.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
    }
    const got = (await Promise.all(answers)).map((frame) => frame.t === 'claimed' && frame.ids);
    assert.deepEqual(got, [['a'], ['b'], ['c']]);
  });

  it('does not take a request with the same id for the answer', async () => {
    await using pair = await openPair();
    const atServer = collect(pair.server);
    const atClient = collect(pair.client);
    const asked = pair.client.request({ t: 'plan?' }, 60_000);
    await waitFor(() => atServer.length === 1);
    const { n } = atServer[0] as { n: number };
    pair.server.send({ t: 'stats?', n });
    pair.server.send({ t: 'taken', n });
    assert.deepEqual(await asked, { t: 'taken', n });
    assert.deepEqual(atClient, [{ t: 'stats?', n }]);
  });

  it('ends a request at its deadline, and lets a late answer through as a frame', async () => {
    await using pair = await openPair();
    const requests = collect(pair.server);
    const late = collect(pair.client);
    await assert.rejects(pair.client.request({ t: 'plan?' }, 20), DeadlineExceeded);
    await waitFor(() => requests.length === 1);
    pair.server.send({ t: 'taken', n: (requests[0] as { n: number }).n });
    await waitFor(() => late.length === 1);
  });

  it('ends every request when the other end is gone', async () => {
    await using pair = await openPair();
    const requests = collect(pair.server);
    const reasons: string[] = [];
    pair.client.onClose = (why) => void reasons.push(why);
    const waiting = [pair.client.request({ t: 'plan?' }, 60_000), pair.client.request({ t: 'stats?' }, 60_000)];
    const ended = Promise.allSettled(waiting);
    await waitFor(() => requests.length === 2);
    pair.server.close();
    for (const result of await ended) {
      assert.ok(result.status === 'rejected' && result.reason instanceof PeerGone);
    }
    assert.equal(pair.client.closed, true);
    assert.equal(reasons.length, 1, 'told once');
    await assert.rejects(pair.client.request({ t: 'plan?' }, 1000), PeerGone);
    pair.client.send({ t: 'taken', n: 1 });
  });

  it('writes what was sent before it closes', async () => {
    await using pair = await openPair();
    const frames = collect(pair.server);
    const why = new Promise<string>((resolve) => (pair.server.onClose = resolve));
    pair.client.send({ t: 'refused', n: 1, why: 'x'.repeat(60_000) });
    pair.client.close();
    assert.equal(await why, 'closed');
    assert.equal(frames.length, 1);
  });

  it('may have more to say at a time than goes into one line', async () => {
    await using pair = await openPair();
    const frames = collect(pair.server);
    const closed: string[] = [];
    pair.server.onClose = (why) => void closed.push(why);
    const ids = Array.from({ length: 10_000 }, (_, i) => `${i}`.padStart(100, 'x'));
    const many = Array.from({ length: 9 }, () => ids).flat();
    for (let n = 1; n <= 40; n += 1) pair.client.send({ t: 'claim', n, ids: n === 7 ? many : ids });
    await waitFor(() => frames.length === 40 || closed.length > 0);
    assert.deepEqual(closed, []);
    assert.ok(frames.every((frame, i) => 'n' in frame && frame.n === i + 1));
  });

  it('loses its connection, and nothing else, for a bad frame', async () => {
    const path = socketPath();
    const closed: string[] = [];
    const peers: Peer[] = [];
    const server = await listenForPeers({
      path,
      self: SERVER,
      onPeer(peer) {
        peers.push(peer);
        peer.onClose = (why) => void closed.push(why);
      },
    });
    const good = net.connect(path);
    good.resume();
    good.write(`[${JSON.stringify(CLIENT)}]\n`);
    const bad = net.connect(path);
    bad.on('error', () => undefined).resume();
    bad.write(`[${JSON.stringify(CLIENT)}]\n`);
    await waitFor(() => peers.length === 2);
    bad.write('[{"t":"taken","n":"one"}]\n');
    await once(bad, 'close');
    await waitFor(() => closed.length === 1);
    assert.match(closed[0] ?? '', /^bad frame: /);
    assert.equal(server.peers.size, 1);
    good.destroy();
    await server.close();
  });

  it('stops to read when it is paused, and reads on after', async () => {
    await using pair = await openPair();
    const frames = collect(pair.server);
    pair.server.pause();
    const why = 'x'.repeat(50_000);
    for (let n = 1; n <= 200; n += 1) pair.client.send({ t: 'refused', n, why });
    await waitFor(() => pair.client.buffered > 0 && frames.length === 0);
    pair.server.resume();
    await waitFor(() => frames.length === 200);
    await waitFor(() => pair.client.buffered === 0);
  });
});
