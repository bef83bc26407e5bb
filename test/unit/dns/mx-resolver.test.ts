import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Resolution } from '../../../src/dns/mx-report.ts';
import { startDnsStub, type Records } from '../../support/dns-stub.ts';
import { makeTemp } from '../../support/temp.ts';
import { addresses, makeMxResolver, SELF, status, type MxChanges } from './support.ts';

async function resolve(domain: string, table: Record<string, Records>, changes: MxChanges = {}): Promise<Resolution> {
  await using dns = await startDnsStub(table);
  return await makeMxResolver(dns.address, changes).resolveDomain(domain);
}

describe('resolveDomain', () => {
  it('orders by preference', async () => {
    const table = {
      'x.test': { MX: ['30 c.test', '10 a.test', '20 b.test'] },
      'a.test': { A: ['192.1.2.1'] },
      'b.test': { A: ['192.1.2.2'] },
      'c.test': { A: ['192.1.2.3'] },
    };
    assert.deepEqual(addresses(await resolve('x.test', table)), ['192.1.2.1', '192.1.2.2', '192.1.2.3']);
  });

  it('shuffles equals', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `h${n}.test`);
    const table: Record<string, Records> = { 'x.test': { MX: names.map((name) => `10 ${name}`) } };
    for (const [n, name] of names.entries()) table[name] = { A: [`192.1.2.${n}`] };
    await using dns = await startDnsStub(table);
    const resolver = makeMxResolver(dns.address);
    const orders = new Set<string>();
    for (let n = 0; n < 20 && orders.size < 2; n += 1)
      orders.add(addresses(await resolver.resolveDomain('x.test')).join());
    assert.equal(orders.size, 2);
  });

  it('gives all addresses of a host, both families by turns', async () => {
    const table = { 'x.test': { MX: ['1 a.test'] }, 'a.test': { A: ['192.1.2.1', '192.1.2.2'], AAAA: ['2600::1'] } };
    const found = addresses(await resolve('x.test', table));
    assert.deepEqual(found.toSorted(), ['192.1.2.1', '192.1.2.2', '2600::1']);
    assert.equal(found[0], '2600::1');
    assert.deepEqual(addresses(await resolve('x.test', table, { family: 'ipv6' })), ['2600::1']);
  });

  it('takes the domain itself where there is no MX', async () => {
    assert.deepEqual(addresses(await resolve('x.test', { 'x.test': { A: ['192.1.2.9'] } })), ['192.1.2.9']);
    assert.equal(status(await resolve('x.test', { 'x.test': {} })), '550 5.4.4');
  });

  it('fails for a domain that does not exist, or takes no mail', async () => {
    assert.equal(status(await resolve('nowhere.test', {})), '550 5.1.2');
    assert.equal(status(await resolve('x.test', { 'x.test': { MX: ['0 .'], A: ['192.1.2.9'] } })), '556 5.1.10');
  });

  it('waits where DNS is sick, and never takes the domain itself then', async () => {
    const table = {
      'x.test': { MX: 'trouble', A: ['192.1.2.9'] },
      'y.test': { MX: ['1 a.test'] },
      'a.test': { A: 'trouble' },
    } as const;
    assert.equal(status(await resolve('x.test', table)), '451 4.4.3');
    assert.equal(status(await resolve('y.test', table)), '451 4.4.3');
  });

  it('fails where no MX has an address', async () => {
    assert.equal(status(await resolve('x.test', { 'x.test': { MX: ['1 gone.test'] } })), '550 5.4.4');
  });

  it('goes only to hosts that are better than this one', async () => {
    const self = SELF;
    const table = {
      'x.test': { MX: ['10 a.test', `20 ${self}`, '30 b.test'] },
      'y.test': { MX: [`5 ${self.toUpperCase()}`, '10 a.test'] },
      'a.test': { A: ['192.1.2.1'] },
      'b.test': { A: ['192.1.2.2'] },
    };
    assert.deepEqual(addresses(await resolve('x.test', table)), ['192.1.2.1']);
    assert.equal(status(await resolve('y.test', table)), '550 5.4.6');
  });

  it('is not led to loopback and private addresses, unless allowed', async () => {
    const table = {
      'x.test': { MX: ['1 a.test'] },
      'a.test': { A: ['127.0.0.1', '10.1.1.1', '169.254.169.254'], AAAA: ['::1', 'fd00::1'] },
      'y.test': { MX: ['1 a.test', '2 b.test'] },
      'b.test': { A: ['192.1.2.2'] },
    };
    assert.equal(status(await resolve('x.test', table)), '550 5.4.6');
    assert.deepEqual(addresses(await resolve('y.test', table)), ['192.1.2.2']);
    assert.equal(addresses(await resolve('x.test', table, { allowPrivate: true })).length, 5);
  });

  it('passes over names that no host has', async () => {
    const table = { 'x.test': { MX: ['1 192.1.2.7', '2 bad name.test', '3 a.test'] }, 'a.test': { A: ['192.1.2.1'] } };
    assert.deepEqual(addresses(await resolve('x.test', table)), ['192.1.2.1']);
  });

  it('leaves room for every host where one has many addresses', async () => {
    const many = Array.from({ length: 25 }, (_, n) => `192.1.2.${n}`);
    const table = {
      'x.test': { MX: ['1 a.test', '2 b.test'] },
      'a.test': { A: many },
      'b.test': { A: ['192.1.3.1'] },
    };
    const found = addresses(await resolve('x.test', table));
    assert.equal(found.at(-1), '192.1.3.1');
    assert.ok(found.length <= 20);
  });

  it('asks for few of many hosts', async () => {
    const table: Record<string, Records> = {
      'x.test': { MX: Array.from({ length: 20 }, (_, n) => `${n} h${n}.test`) },
    };
    for (let n = 0; n < 20; n += 1) table[`h${n}.test`] = { A: [`192.1.2.${n}`] };
    assert.equal(addresses(await resolve('x.test', table)).length, 10);
  });
});

describe('resolveHost', () => {
  it('takes addresses and localhost as they are', async () => {
    const resolver = makeMxResolver('127.0.0.1:1');
    assert.deepEqual(addresses(await resolver.resolveHost('127.0.0.1', 25)), ['127.0.0.1']);
    assert.deepEqual(addresses(await resolver.resolveHost('localhost', 25)), ['127.0.0.1', '::1']);
  });

  it('asks for addresses only, and takes private ones: an operator named the host', async () => {
    await using dns = await startDnsStub({ 'relay.test': { MX: ['1 other.test'], A: ['10.0.0.1'] } });
    const resolver = makeMxResolver(dns.address);
    assert.deepEqual(addresses(await resolver.resolveHost('relay.test', 25)), ['10.0.0.1']);
    assert.equal(status(await resolver.resolveHost('gone.test', 25)), '451 4.3.5');
    assert.ok(!dns.asked.includes('MX relay.test'));
  });

  it('knows the hosts of the machine, before DNS', async () => {
    await using dns = await startDnsStub({ 'relay.test': { A: ['192.1.2.3'] } });
    const folder = makeTemp('hosts');
    const hosts = join(folder, 'hosts');
    writeFileSync(
      hosts,
      '# 192.1.2.9 relay\n10.0.0.1\tother relay.test Relay # 10.0.0.9\nfd00::1 relay.test\nx relay.test\n',
    );
    const resolver = makeMxResolver(dns.address, { hostsFile: hosts });
    assert.deepEqual(addresses(await resolver.resolveHost('relay', 25)), ['10.0.0.1']);
    assert.deepEqual(addresses(await resolver.resolveHost('relay.test', 25)), ['10.0.0.1', 'fd00::1']);
    const elsewhere = makeMxResolver(dns.address, { hostsFile: join(folder, 'none') });
    assert.deepEqual(addresses(await elsewhere.resolveHost('relay.test', 25)), ['192.1.2.3']);
  });
});
