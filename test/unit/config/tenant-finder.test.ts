import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { TenantFinder } from '../../../src/config/tenant-finder.ts';

async function load(yaml: string): Promise<Config['tenants']> {
  const etcDir = mkdtempSync(join(tmpdir(), 'tenants-'));
  try {
    writeFileSync(join(etcDir, 'tenants.yaml'), yaml);
    const result = await loadConfig({ etcDir, varDir: 'var', set: [] });
    assert.ok(result.ok, JSON.stringify(result));
    return result.config.tenants;
  } finally {
    rmSync(etcDir, { recursive: true });
  }
}

const ROWS = `
office:
  networks: [192.0.2.0/24, "2001:db8::/32"]
lab:
  networks: [192.0.2.16/28, 198.51.100.0/24]
  logins: [nightly, root]
shop:
  senders: [shop.example, Owner@Other.example, bücher.example]
  from: [shop.example]
all-below:
  senders: [.example]
  from: [.example, .deep.other.test]
`;

const anybody = { ip: '203.0.113.5', trusted: true };

describe('whose mail it is', () => {
  it('is said by the network of the client, and the first row that fits wins', async () => {
    const finder = new TenantFinder(await load(ROWS));
    const at = (ip: string): string | undefined => finder.find({ ip, trusted: false }, 'a@nobody.test');
    for (let again = 0; again < 2; again += 1) {
      assert.deepEqual(
        [at('192.0.2.20'), at('198.51.100.9'), at('2001:db8::5'), at('203.0.113.5'), at('not an address')],
        ['office', 'lab', 'office', undefined, undefined],
      );
    }
  });

  it('is said by the login, unless a row above knows the client otherwise', async () => {
    const finder = new TenantFinder(await load(ROWS));
    assert.equal(finder.find({ login: 'nightly', trusted: true }, ''), 'lab');
    assert.equal(finder.find({ login: 'nobody', trusted: true }, ''), undefined);
    assert.equal(finder.find({ login: 'nightly', ip: '192.0.2.1', trusted: true }, ''), 'office');
    assert.equal(finder.find({ login: 'nightly', trusted: true }, 'a@shop.example'), 'lab');
  });

  it('is said by the envelope sender: an address, a domain, or all below one', async () => {
    const finder = new TenantFinder(await load(ROWS));
    const by = (sender: string): string | undefined => finder.find(anybody, sender);
    const senders = {
      'a@shop.example': 'shop',
      'A@SHOP.example': 'shop',
      'owner@other.example': 'shop',
      'OWNER@other.example': 'shop',
      'else@other.example': 'all-below',
      'a@www.shop.example': 'all-below',
      'a@xn--bcher-kva.example': 'shop',
      'a@example': undefined,
      'a@shop.example.org': undefined,
      'a@[192.0.2.1]': undefined,
      '': undefined,
    };
    for (const [sender, tenant] of Object.entries(senders)) assert.equal(by(sender), tenant, sender);
  });

  it('is not said by the sender that a stranger names', async () => {
    const finder = new TenantFinder(await load(ROWS));
    assert.equal(finder.find({ ip: '203.0.113.5', trusted: false }, 'a@shop.example'), undefined);
  });

  it('is said by the domain of the From field, where rows look at it', async () => {
    const finder = new TenantFinder(await load(ROWS));
    assert.equal(finder.looksAtAuthors, true);
    const by = ['shop.example', 'www.shop.example', 'deep.other.test', 'x.deep.other.test', 'example'];
    assert.deepEqual(
      by.map((domain) => finder.ofAuthor(domain)),
      ['shop', 'all-below', undefined, 'all-below', undefined],
    );
    assert.equal(new TenantFinder(await load('shop: { senders: [a.example] }')).looksAtAuthors, false);
  });

  it('is nobody’s where none is configured, and no name of an object’s own', async () => {
    const none = new TenantFinder(await load(''));
    assert.equal(none.find({ ...anybody, login: 'constructor' }, 'a@__proto__'), undefined);
    const odd = new TenantFinder(await load('constructor: { senders: [a.example] }\ntoString: { logins: [x] }'));
    assert.equal(odd.find(anybody, 'b@a.example'), 'constructor');
    assert.equal(odd.find({ login: 'x', trusted: true }, ''), 'toString');
  });

  it('remembers clients, and looks at more of them than it remembers', async () => {
    const finder = new TenantFinder(await load(ROWS));
    for (let i = 0; i < 25_000; i += 1) {
      const ip = `198.${i % 2 === 0 ? 51 : 52}.${i % 2 === 0 ? 100 : (i >> 8) & 255}.${i & 255}`;
      assert.equal(finder.find({ ip, trusted: true }, ''), i % 2 === 0 ? 'lab' : undefined);
    }
  });
});

describe('the rows of tenants.yaml', () => {
  it('are read with their units, and say nothing of what they leave out', async () => {
    const { a, b, c } = await load(
      'a: { rate: 20/s, burst: 5, queue: 100, lanes: 3, dedicated: 2, weight: 7 }\nb: { rate: 600/m }\nc: {}\n',
    );
    assert.deepEqual(
      [a?.rate, a?.queue, a?.lanes, a?.dedicated, a?.weight],
      [{ perSecond: 20, burst: 5 }, 100, 3, 2, 7],
    );
    assert.deepEqual(b?.rate, { perSecond: 10, burst: 1 });
    assert.deepEqual([c?.rate, c?.queue, c?.lanes, c?.dedicated, c?.weight], [undefined, 0, 0, 0, 1]);
  });

  it('keep their order, which says who wins', async () => {
    const tenants = await load('z9: { from: [.test] }\na1: { from: [.test2] }\n1a: { senders: [x.test] }\n');
    assert.deepEqual(Object.keys(tenants), ['z9', 'a1', '1a']);
  });
});
