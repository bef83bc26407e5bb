import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Listener } from '../../../src/config/config.ts';
import { Desk, type DeskState } from '../../../src/acceptor/listener-desk.ts';
import { compileNetworks } from '../../../src/config/networks.ts';

it('trusts by the networks of the client, and by the kind of the listener, never by a missing address', () => {
  const state = {
    config: { limits: {}, bounce: {} },
    limits: {},
    isTrusted: compileNetworks(['192.0.2.0/24']),
  } as unknown as DeskState;
  const trusts = (address: string, ip: string): boolean => new Desk({ address } as Listener, state).isTrusted(ip);
  assert.equal(trusts('127.0.0.1:25', '192.0.2.7'), true);
  assert.equal(trusts('127.0.0.1:25', '198.51.100.7'), false);
  assert.equal(trusts('127.0.0.1:25', ''), false);
  assert.equal(trusts('unix:run/submit.sock', ''), true);
});
