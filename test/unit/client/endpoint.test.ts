import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { connectEndpoint, formatEndpoint, parseEndpoint } from '../../../src/client/endpoint.ts';
import { acceptAll, startScriptedServer } from './scripted-server.ts';

test('reads the addresses that listeners have', () => {
  assert.deepEqual(parseEndpoint('127.0.0.1:2525'), { host: '127.0.0.1', port: 2525 });
  assert.deepEqual(parseEndpoint('mx.example.org:25'), { host: 'mx.example.org', port: 25 });
  assert.deepEqual(parseEndpoint('[::1]:25'), { host: '::1', port: 25 });
  assert.deepEqual(parseEndpoint('unix:run/local.sock'), { path: 'run/local.sock' });
});

test('finds a listener on every address at the loopback address', () => {
  assert.deepEqual(parseEndpoint('0.0.0.0:25'), { host: '127.0.0.1', port: 25 });
  assert.deepEqual(parseEndpoint('[::]:25'), { host: '::1', port: 25 });
  assert.deepEqual(parseEndpoint('*:25'), { host: '127.0.0.1', port: 25 });
});

test('refuses what is no address', () => {
  for (const text of ['', 'unix:', 'host', 'host:', 'host:70000', '::1:25', '[::1]', 'a:b:25', '127.0.0.1:25x']) {
    assert.equal(parseEndpoint(text), undefined, text);
  }
});

test('writes an endpoint as it is configured', () => {
  for (const text of ['127.0.0.1:2525', '[::1]:25', 'unix:run/local.sock']) {
    const endpoint = parseEndpoint(text);
    assert.ok(endpoint);
    assert.equal(formatEndpoint(endpoint), text);
  }
});

test('connects to a port and to a Unix socket', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'mailfarm-client-')), 's');
  for (const listenAt of [{ port: 0, host: '127.0.0.1' }, { path: file }]) {
    const server = await startScriptedServer(acceptAll, listenAt);
    const endpoint = 'path' in listenAt ? { path: file } : { host: '127.0.0.1', port: server.port };
    const connected = await connectEndpoint(endpoint, 5000);
    assert.ok(connected.ok);
    connected.socket.destroy();
    await server.close();
  }
});

test('tells why there is no connection', async () => {
  const server = await startScriptedServer(acceptAll);
  await server.close();
  const refused = await connectEndpoint({ host: '127.0.0.1', port: server.port }, 60_000);
  assert.ok(!refused.ok);
  assert.equal(refused.code, 'ECONNREFUSED');
  const missing = await connectEndpoint({ path: '/nonexistent/socket' }, 60_000);
  assert.ok(!missing.ok);
  assert.equal(missing.code, 'ENOENT');
});
