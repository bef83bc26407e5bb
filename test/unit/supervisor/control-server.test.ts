import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import net, { type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { ControlRequest } from '../../../src/process/control.ts';
import { decodeRequest, serveControl } from '../../../src/supervisor/control-server.ts';
import { makeTemp } from '../../support/temp.ts';

describe('serveControl', () => {
  const path = join(makeTemp(), 'control.sock');
  const asked: ControlRequest[] = [];
  const errors: string[] = [];
  let server: Server;

  before(async () => {
    writeFileSync(path, 'stale');
    server = await serveControl({
      path,
      answer: async (request) => {
        asked.push(request);
        if (request.verb === 'reload') throw new Error('reload broke\nbadly');
        return { ok: true };
      },
      onError: (why) => errors.push(why),
    });
  });
  after(() => server.close());

  /** Sends bytes; resolves with all that came back when the connection ended. */
  function send(data: string | Buffer): Promise<string> {
    return new Promise((resolve) => {
      const socket = net.connect(path);
      let text = '';
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write(data);
    });
  }

  it('answers one line per connection', async () => {
    assert.equal(await send('{"verb":"status"}\n'), '{"ok":true}\n');
    assert.deepEqual(asked.at(-1), { verb: 'status' });
  });

  it('is for its owner alone', () => assert.equal(statSync(path).mode & 0o777, 0o600));

  it('passes on bounds', async () => {
    await send('{"verb":"resize","farm":"acceptor","least":1,"most":4}\n');
    assert.deepEqual(asked.at(-1), { verb: 'resize', farm: 'acceptor', least: 1, most: 4 });
  });

  it('passes on a worker to kill, and nothing beside', async () => {
    await send('{"verb":"kill","pid":500,"signal":"TERM","farm":"smtp"}\n');
    assert.deepEqual(asked.at(-1), { verb: 'kill', pid: 500, signal: 'TERM' });
  });

  it('answers with the reason when the work fails', async () => {
    assert.deepEqual(JSON.parse(await send('{"verb":"reload"}\n')), { ok: false, why: 'reload broke badly' });
    assert.equal(errors.length, 1);
  });

  it('answers nonsense, takes no more than a line of it, and goes on', async () => {
    const count = asked.length;
    const deep = `${'['.repeat(2000)}\n`;
    for (const nonsense of [
      '\n',
      'x\n',
      'null\n',
      '[]\n',
      '{}\n',
      deep,
      Buffer.alloc(100, 0xff) + '\n',
      'y'.repeat(100_000),
    ]) {
      assert.equal(JSON.parse(await send(nonsense)).ok, false);
    }
    assert.equal(asked.length, count);
    assert.equal(await send('{"verb":"status"}\n'), '{"ok":true}\n');
  });

  it('does not hang on silent or vanishing clients', async () => {
    const silent = Array.from({ length: 10 }, () => net.connect(path).on('error', () => {}));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const socket of silent.slice(5)) socket.destroy();
    assert.equal(await send('{"verb":"status"}\n'), '{"ok":true}\n');
    for (const socket of silent) socket.destroy();
  });
});

describe('decodeRequest', () => {
  it('refuses what is out of range or unknown', () => {
    const wrong = [
      { verb: 'resize', farm: 'nonsense', least: 1, most: 1 },
      { verb: 'resize', farm: 'smtp', least: -1, most: 1 },
      { verb: 'resize', farm: 'smtp', least: 1, most: 1e9 },
      { verb: 'resize', farm: 'smtp', least: 1.5, most: 2 },
      { verb: 'resize', farm: '__proto__', least: 1, most: 2 },
      { verb: 'recover' },
      { verb: 'recover', since: -1 },
      { verb: 'kill', pid: 1, signal: 'KILL' },
      { verb: 'kill', pid: -5, signal: 'KILL' },
      { verb: 'kill', pid: 500, signal: 'STOP' },
      { verb: 'kill', signal: 'KILL' },
      { verb: 'constructor' },
      { verb: ['status'] },
    ];
    for (const request of wrong)
      assert.equal(decodeRequest(JSON.stringify(request)), undefined, JSON.stringify(request));
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => (decodeRequest(text), true)));
    fc.assert(fc.property(fc.json(), (text) => (decodeRequest(text), true)));
  });
});
