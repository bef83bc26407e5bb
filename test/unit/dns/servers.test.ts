import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Servers } from '../../../src/dns/servers.ts';
import { makeTemp } from '../../support/temp.ts';
import { makeClock } from './support.ts';

const at = (host: string, port = 53): { host: string; port: number } => ({ host, port });

describe('Servers', () => {
  it('are those of the configuration', () => {
    const configured = ['192.0.2.53', '192.0.2.54:5353', '2001:db8::53', '[::1]:54'];
    const servers = new Servers({ configured, ticks: makeClock().ticks, file: '/no/such/file' });
    assert.deepEqual(servers.current(), [at('192.0.2.53'), at('192.0.2.54', 5353), at('2001:db8::53'), at('::1', 54)]);
  });

  it('are else the first three of the machine', () => {
    const file = join(makeTemp('resolv'), 'resolv.conf');
    writeFileSync(
      file,
      '# nameserver 192.0.2.1\nsearch x.test\n nameserver 192.0.2.9\nnameserver\t192.0.2.2\nnameserver dns.test\n' +
        'nameserver 2001:db8::1 # one\nnameserver fe80::1%lo\noptions rotate\nnameserver 192.0.2.5',
    );
    const servers = new Servers({ configured: [], ticks: makeClock().ticks, file });
    assert.deepEqual(servers.current(), [at('192.0.2.2'), at('2001:db8::1'), at('fe80::1%lo')]);
  });

  it('are asked of the file again when it changed, a minute later at most', () => {
    const file = join(makeTemp('resolv'), 'resolv.conf');
    const clock = makeClock();
    const servers = new Servers({ configured: [], ticks: clock.ticks, file });
    assert.deepEqual(servers.current(), [at('127.0.0.1')], 'there is no file yet');
    writeFileSync(file, 'nameserver 192.0.2.1\n');
    clock.now += 59_999;
    assert.deepEqual(servers.current(), [at('127.0.0.1')]);
    clock.now += 1;
    assert.deepEqual(servers.current(), [at('192.0.2.1')]);
    writeFileSync(file, 'nameserver 192.0.2.100\n');
    clock.now += 60_000;
    assert.deepEqual(servers.current(), [at('192.0.2.100')]);
    rmSync(file);
    clock.now += 60_000;
    assert.deepEqual(servers.current(), [at('192.0.2.100')], 'what is gone leaves things as they are');
  });
});
