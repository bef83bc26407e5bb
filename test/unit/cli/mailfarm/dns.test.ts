/** mailfarm dns: the command itself, with a DNS server and no farm. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { startDnsStub, type DnsStub } from '../../../support/dns-stub.ts';
import { run, type Ran } from '../../../support/run.ts';
import { makeTemp } from '../../../support/temp.ts';

const folder = makeTemp('dns');
const etc = join(folder, 'etc');
const varDir = join(folder, 'var');
let dns: DnsStub;

before(async () => {
  dns = await startDnsStub({
    'two.test': { MX: ['20 b.test', '10 a.test', '30 bad!.test'], secure: true, ttl: 700 },
    'a.test': { A: ['192.1.2.1'], secure: true, ttl: 900 },
    'b.test': { A: ['192.1.2.2', '10.0.0.1'], AAAA: ['2600::2'] },
    'nomx.test': { A: ['192.1.2.9'] },
    'null.test': { MX: ['0 .'] },
    'inside.test': { MX: ['10 loop.test'] },
    'loop.test': { A: ['127.0.0.1'] },
    'self.test': { MX: ['10 us.test', '20 a.test'] },
    'sick.test': { MX: 'trouble' },
  });
  mkdirSync(etc);
  mkdirSync(varDir);
  const lines = ['hostname: us.test', `smtp: { resolvers: ['${dns.address}'], dnssec: true }`];
  writeFileSync(join(etc, 'mailfarm.yaml'), `${lines.join('\n')}\n`);
});
after(() => dns.close());

function look(...args: readonly string[]): Promise<Ran> {
  return run('bin/mailfarm', ['dns', ...args, '--etc', etc, '--var', varDir]);
}

describe('mailfarm dns', () => {
  it('shows hosts and addresses in the order in which they are tried, and the site', async () => {
    const { status, stdout } = await look('Two.Test');
    assert.equal(status, EX.OK);
    assert.match(stdout, /^domain: two\.test\nMX: +3 records, kept for (700|699)s, secure\nsite: +a\.test;b\.test\n/);
    assert.match(stdout, /\nmail: +goes to 3 addresses, the first first\n/);
    const rows = stdout
      .split('\n')
      .slice(6)
      .map((line) => line.trim().replace(/ {2,}/g, ' ').replace(/\d+s/, 'Ns'));
    assert.equal(rows[0], '10 a.test 192.1.2.1 Ns yes used');
    assert.equal(rows[1], '20 b.test 2600::2 Ns no used');
    assert.deepEqual(rows.slice(2).filter(Boolean).toSorted(), [
      '20 b.test 10.0.0.1 Ns no not used: loopback or private',
      '20 b.test 192.1.2.2 Ns no used',
      '30 bad!.test - - - not the name of a host',
    ]);
  });

  it('says what becomes of mail otherwise, and ends with 68 where it is returned, 75 where it waits', async () => {
    const wanted: readonly [string, number, RegExp][] = [
      ['nomx.test', EX.OK, /MX: +none, .*own address\nsite: +nomx\.test\nmail: +goes to 1 address\n/],
      ['null.test', EX.NOHOST, /is returned: 556 5\.1\.10 [^]* \. +- .*takes no mail/],
      ['inside.test', EX.NOHOST, /is returned: 550 5\.4\.6 [^]*127\.0\.0\.1 .*loopback or private/],
      ['self.test', EX.NOHOST, /is returned: 550 5\.4\.6 [^]*us\.test .*this host itself[^]*a\.test .*not better/],
      ['gone.test', EX.NOHOST, /the domain does not exist, kept for \d+s, not secure[^]*is returned: 550 5\.1\.2/],
      ['sick.test', EX.TEMPFAIL, /not known: the server says SERVFAIL[^]*waits: 451 4\.4\.3/],
    ];
    const ran = await Promise.all(wanted.map(([domain]) => look(domain)));
    for (const [n, [domain, status, text]] of wanted.entries()) {
      assert.match(ran[n]?.stdout ?? '', text, domain);
      assert.equal(ran[n]?.status, status, domain);
    }
  });

  it('prints one object with --json', async () => {
    const { stdout } = await look('two.test', '--json');
    const report = JSON.parse(stdout) as Record<string, unknown> & { hosts: Record<string, unknown>[] };
    assert.deepEqual(Object.keys(report), ['domain', 'mx', 'hosts', 'site', 'targets']);
    assert.equal(report['site'], 'a.test;b.test');
    assert.deepEqual(
      report.hosts.map(({ host, state }) => [host, state]),
      [
        ['a.test', 'used'],
        ['b.test', 'used'],
        ['bad!.test', 'bad-name'],
      ],
    );
    const sick = JSON.parse((await look('sick.test', '--json')).stdout) as Record<string, unknown>;
    assert.deepEqual(sick['mx'], { kind: 'trouble', why: 'the server says SERVFAIL', seconds: 30 });
    assert.equal((sick['reply'] as { code: number }).code, 451);
  });

  it('refuses what is no domain, and a wrong configuration', async () => {
    for (const [word, why] of [
      ['[192.0.2.1]', /it is an address/],
      ['a..b', /empty label/],
    ] as const) {
      const { status, stderr } = await look(word);
      assert.equal(status, EX.USAGE);
      assert.match(stderr, why);
    }
    const wrong = makeTemp('wrong');
    writeFileSync(join(wrong, 'mailfarm.yaml'), 'smtp: { dnssec: perhaps }\n');
    const { status, stderr } = await run('bin/mailfarm', ['dns', 'x.test', '--etc', wrong, '--var', varDir]);
    assert.equal(status, EX.CONFIG);
    assert.match(stderr, /smtp\.dnssec/);
  });
});
