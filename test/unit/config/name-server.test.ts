import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNameServer } from '../../../src/config/name-server.ts';

test('reads addresses with and without a port', () => {
  assert.deepEqual(parseNameServer('192.0.2.53'), { host: '192.0.2.53', port: 53 });
  assert.deepEqual(parseNameServer('192.0.2.53:5353'), { host: '192.0.2.53', port: 5353 });
  assert.deepEqual(parseNameServer('2001:db8::53'), { host: '2001:db8::53', port: 53 });
  assert.deepEqual(parseNameServer('[2001:db8::53]'), { host: '2001:db8::53', port: 53 });
  assert.deepEqual(parseNameServer('[::1]:5353'), { host: '::1', port: 5353 });
});

test('reads nothing else: a name would have to be looked up', () => {
  for (const text of ['', 'dns.example.org', '192.0.2', '192.0.2.53:0', '[::1]:65536', '[192.0.2.53', '192.0.2.53:']) {
    assert.equal(parseNameServer(text), undefined, text);
  }
});
