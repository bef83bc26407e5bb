import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOfLiteral, isPrivateAddress } from '../../../src/mail/private-address.ts';

const PRIVATE = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'fd00::1',
  'fe80::1',
  'ff02::1',
  'fec0::1',
  'localhost',
  '',
  '127.1',
];
const PUBLIC = [
  '8.8.8.8',
  '172.32.0.1',
  '192.0.2.1',
  '193.0.0.1',
  '100.128.0.1',
  '2001:4860::8888',
  '2606::1',
  '::ffff:8.8.8.8',
];

describe('isPrivateAddress', () => {
  for (const address of PRIVATE) it(`says yes to '${address}'`, () => assert.equal(isPrivateAddress(address), true));
  for (const address of PUBLIC) it(`says no to ${address}`, () => assert.equal(isPrivateAddress(address), false));
});

describe('addressOfLiteral', () => {
  it('takes the brackets and the tag away', () => {
    assert.equal(addressOfLiteral('[192.0.2.1]'), '192.0.2.1');
    assert.equal(addressOfLiteral('[IPv6:2001:db8::1]'), '2001:db8::1');
    assert.equal(addressOfLiteral('example.org'), undefined);
  });
});
