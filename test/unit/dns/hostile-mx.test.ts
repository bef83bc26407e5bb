/** MX records and addresses that lead astray: to aliases, back to us, to no host, to far too many. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDnsStub, type Records } from '../../support/dns-stub.ts';
import { nameBytes, record, response } from '../../support/dns-wire.ts';
import { addresses, makeMxResolver, SELF, status, whyOf } from './support.ts';

describe('an MX host that is an alias', () => {
  it('is followed, and a circle of them waits', async () => {
    await using dns = await startDnsStub({
      'x.test': { MX: ['10 alias.test'] },
      'alias.test': { CNAME: 'mx.other.test' },
      'mx.other.test': { A: ['192.1.2.3'] },
      'y.test': { MX: ['10 a.test'] },
      'a.test': { CNAME: 'b.test' },
      'b.test': { CNAME: 'a.test' },
      'z.test': { CNAME: 'x.test' },
    });
    const resolver = makeMxResolver(dns.address);
    const resolution = await resolver.resolveDomain('x.test');
    assert.deepEqual('targets' in resolution && resolution.targets, [
      { host: 'alias.test', address: '192.1.2.3', port: 25 },
    ]);
    assert.equal(status(await resolver.resolveDomain('y.test')), '451 4.4.3');
    assert.deepEqual(addresses(await resolver.resolveDomain('z.test')), ['192.1.2.3'], 'a domain may be one, too');
  });
});

describe('an MX host at an address where we listen ourselves', () => {
  const table = {
    'x.test': { MX: ['5 good.test', '10 ours.test', '20 worse.test'] },
    'y.test': { MX: ['10 ours.test', '20 worse.test'] },
    'ours.test': { A: ['192.1.2.5'] },
    'good.test': { A: ['192.1.2.1'] },
    'worse.test': { A: ['192.1.2.2'] },
    'local.test': { A: ['127.0.0.1'] },
  };

  it('is us: mail goes to better ones only, or would come back', async () => {
    await using dns = await startDnsStub(table);
    const ours = makeMxResolver(dns.address, { listen: ['unix:run/x.sock', '192.1.2.5:25'] });
    assert.deepEqual(addresses(await ours.resolveDomain('x.test')), ['192.1.2.1']);
    assert.equal(status(await ours.resolveDomain('y.test')), '550 5.4.6');
    const { hosts } = await ours.examine('y.test');
    assert.deepEqual(
      hosts.map(({ addresses: [one] }) => one?.fate),
      ['own', 'behind-own'],
    );
  });

  it('is not us where the port is another, or the address', async () => {
    await using dns = await startDnsStub(table);
    for (const listen of [['192.1.2.5:2525'], ['192.1.2.6:25'], ['[::]:2525']]) {
      const other = makeMxResolver(dns.address, { listen });
      assert.deepEqual(addresses(await other.resolveDomain('y.test')), ['192.1.2.5', '192.1.2.2'], listen.join());
    }
  });

  it('is us where we listen at all addresses of this machine', async () => {
    await using dns = await startDnsStub(table);
    for (const listen of [['0.0.0.0:25'], ['[::]:25']]) {
      const all = makeMxResolver(dns.address, { listen, allowPrivate: true });
      assert.equal(status(await all.resolveDomain('local.test')), '550 5.4.6', listen.join());
      assert.deepEqual(addresses(await all.resolveDomain('y.test')), ['192.1.2.5', '192.1.2.2']);
    }
  });
});

describe('the name of an MX host', () => {
  it('with a space, CR LF, NUL, a dot within a label or 0xff is passed over; one with _ is not', async () => {
    const odd = ['a b', 'a\r\nRCPT TO:<b>', 'a\0', 'a.b', 'a\xff'].map((label) => {
      const bytes = Buffer.from(label, 'latin1');
      return record('MX', Buffer.concat([Buffer.of(0, 1, bytes.length), bytes, nameBytes('x.test')]));
    });
    await using dns = await startDnsStub({
      'x.test': { MX: (query) => [response(query, { answers: [...odd, record('MX', '10 my_host.test')] })] },
      'only.test': { MX: (query) => [response(query, { answers: odd })] },
      'my_host.test': { A: ['192.1.2.3'] },
    });
    const resolver = makeMxResolver(dns.address);
    assert.deepEqual(addresses(await resolver.resolveDomain('x.test')), ['192.1.2.3']);
    assert.equal(status(await resolver.resolveDomain('only.test')), '550 5.4.4');
    const { hosts } = await resolver.examine('x.test');
    assert.deepEqual(hosts.map(({ fate }) => fate).toSorted(), [...odd.map(() => 'bad-name'), 'used']);
    assert.ok(hosts.every(({ host }) => /^[\x21-\x7e]+$/.test(host)));
  });

  it('that is longer than a name may be makes the answer trouble', async () => {
    const long = nameBytes(Array.from({ length: 4 }, () => 'a'.repeat(63)).join('.'));
    assert.ok(long.length > 255);
    await using dns = await startDnsStub({
      'x.test': {
        MX: (query) => [response(query, { answers: [record('MX', Buffer.concat([Buffer.of(0, 1), long]))] })],
      },
    });
    const { mx, resolution } = await makeMxResolver(dns.address).examine('x.test');
    assert.equal(whyOf(mx), 'the answer is broken');
    assert.equal(status(resolution), '451 4.4.3');
  });
});

describe('500 MX records', () => {
  it('the best hundred are looked at, ten of them are asked for, and equals take turns', async () => {
    const table: Record<string, Records> = {
      'x.test': { MX: Array.from({ length: 500 }, (_, n) => `${Math.floor((499 - n) / 20)} h${n}.test`) },
      'y.test': { MX: [...Array.from({ length: 500 }, (_, n) => `20 h${n}.test`), `10 ${SELF}`] },
    };
    for (let n = 0; n < 500; n += 1) table[`h${n}.test`] = { A: [`192.1.${Math.floor(n / 250)}.${n % 250}`] };
    await using dns = await startDnsStub(table);
    const resolver = makeMxResolver(dns.address);
    const { hosts, resolution } = await resolver.examine('x.test');
    const asked = new Set(dns.asked.filter((question) => question.startsWith('A h')));
    assert.equal(asked.size, 10);
    const best = hosts.filter(({ answers }) => answers.length > 0);
    assert.ok(best.every(({ host, preference }) => preference === 0 && Number(host.slice(1, -5)) >= 480));
    assert.equal(addresses(resolution).length, 10);
    assert.equal('hosts' in resolution && resolution.hosts?.filter(({ fate }) => fate === 'beyond').length, 400);
    const orders = new Set<string>();
    for (let n = 0; n < 20 && orders.size < 2; n += 1) {
      orders.add(addresses(await resolver.resolveDomain('x.test')).join());
    }
    assert.equal(orders.size, 2);
    assert.equal(status(await resolver.resolveDomain('y.test')), '550 5.4.6', 'the last record may be the best');
  });
});

it('what is remembered is one for all who ask', async () => {
  await using dns = await startDnsStub({ 'x.test': { MX: ['10 a.test'] }, 'a.test': { A: ['192.1.2.1'] } });
  const resolver = makeMxResolver(dns.address);
  for (let n = 0; n < 5; n += 1) assert.deepEqual(addresses(await resolver.resolveDomain('x.test')), ['192.1.2.1']);
  assert.deepEqual(dns.asked.toSorted(), ['A a.test', 'AAAA a.test', 'MX x.test']);
});
