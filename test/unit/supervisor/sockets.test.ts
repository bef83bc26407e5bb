import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bindSocket, type Bound } from '../../../src/supervisor/sockets.ts';
import { makeTemp } from '../../support/temp.ts';

function bind(address: string): Bound {
  const result = bindSocket(address);
  if (!result.ok) throw new Error(`${address}: ${result.why}`);
  return result.bound;
}

/** How a connection attempt ends: `connected`, or the error's code. */
function knock(target: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(target);
    socket.once('connect', () => (socket.destroy(), resolve('connected')));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function portOf(bound: Bound): number {
  return Number(bound.actual.slice(bound.actual.lastIndexOf(':') + 1));
}

describe('bindSocket', () => {
  it('binds a port of the system’s choice and does not listen', async () => {
    const bound = bind('127.0.0.1:0');
    assert.match(bound.actual, /^127\.0\.0\.1:[1-9]\d*$/);
    assert.equal(await knock({ port: portOf(bound), host: '127.0.0.1' }), 'ECONNREFUSED');
    bound.close();
  });

  it('lets a child listen on it, and keeps it open when the child dies', async () => {
    const bound = bind('127.0.0.1:0');
    const code = `require('net').createServer(s => s.end('hello')).listen({ fd: 4 }, () => process.send('listens'))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', bound.fd] });
    await new Promise((resolve) => child.once('message', resolve));
    assert.equal(await knock({ port: portOf(bound), host: '127.0.0.1' }), 'connected');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(await knock({ port: portOf(bound), host: '127.0.0.1' }), 'connected');
    bound.close();
  });

  it('fails on an address where somebody listens, or that is not ours', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    assert.deepEqual(bindSocket(`127.0.0.1:${port}`), { ok: false, code: 'EADDRINUSE', why: 'EADDRINUSE' });
    server.close();
    assert.equal(bindSocket('203.0.113.1:0').ok, false);
  });

  it('binds IPv6 addresses', (test) => {
    const result = bindSocket('[::1]:0');
    if (!result.ok) return test.skip(`no IPv6 here: ${result.why}`);
    assert.match(result.bound.actual, /^\[::1\]:[1-9]\d*$/);
    result.bound.close();
  });

  it('makes Unix sockets for their owner alone, in place of a stale one', () => {
    const path = join(makeTemp(), 'x.sock');
    const first = bind(`unix:${path}`);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const second = bind(path);
    assert.ok(existsSync(path));
    first.close();
    second.close();
  });

  it('removes no file that is not a socket', () => {
    const path = join(makeTemp(), 'x.sock');
    writeFileSync(path, 'precious');
    const result = bindSocket(path);
    assert.equal(result.ok ? '' : result.code, 'EEXIST');
    assert.ok(existsSync(path));
  });

  it('refuses what is no address', () => {
    for (const address of [
      '',
      'nonsense:',
      '127.0.0.1',
      '127.0.0.1:99999',
      '[::1',
      'host.example:25',
      'unix:',
      'unix:../x',
    ]) {
      assert.equal(bindSocket(address).ok, false, address);
    }
  });
});
