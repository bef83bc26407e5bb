import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNetworks, parseNetwork } from '../../../src/config/networks.ts';

test('networks and single addresses', () => {
  assert.deepEqual(parseNetwork('10.0.0.0/8'), { address: '10.0.0.0', bits: 8, family: 'ipv4' });
  assert.deepEqual(parseNetwork('192.0.2.7'), { address: '192.0.2.7', bits: 32, family: 'ipv4' });
  assert.deepEqual(parseNetwork('2001:db8::/32'), { address: '2001:db8::', bits: 32, family: 'ipv6' });
  assert.deepEqual(parseNetwork('::1'), { address: '::1', bits: 128, family: 'ipv6' });
});

test('what is no network', () => {
  const wrong = [
    '',
    '10.0.0.0/33',
    '10.0.0',
    '10/8',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    'example.org',
    'fe80::1%eth0/64',
  ];
  for (const text of wrong) assert.equal(parseNetwork(text), undefined, text);
});

test('clients are tested in every form their address may take', () => {
  const trusted = compileNetworks(['127.0.0.0/8', '192.0.2.128/25', '2001:db8::/32']);
  for (const ip of ['127.0.0.1', '127.255.0.9', '::ffff:127.0.0.1', '::FFFF:192.0.2.200', '2001:db8:ffff::1']) {
    assert.ok(trusted(ip), ip);
  }
  for (const ip of [
    '128.0.0.1',
    '192.0.2.127',
    '::ffff:128.0.0.1',
    '::1',
    '2001:db9::1',
    '',
    'localhost',
    '127.0.0.1:25',
    '127.1',
  ]) {
    assert.ok(!trusted(ip), ip);
  }
});

test('an empty list trusts nobody, /0 everybody of its family', () => {
  assert.ok(!compileNetworks([])('127.0.0.1'));
  assert.ok(compileNetworks(['0.0.0.0/0'])('203.0.113.9'));
  assert.ok(!compileNetworks(['0.0.0.0/0'])('2001:db8::1'));
});
