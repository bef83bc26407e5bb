import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeMx } from '../../../src/dns/mx-hosts.ts';
import { siteOf } from '../../../src/dns/site.ts';

/** The site of MX records, each as `10 mx.test`. */
function site(...records: readonly string[]): string | undefined {
  const parsed = records.map((text) => {
    const [preference, exchange = ''] = text.split(' ');
    return { preference: Number(preference), exchange };
  });
  return siteOf({ targets: [], hosts: judgeMx(parsed, 'self.test') });
}

describe('siteOf', () => {
  it('is one for the same hosts, whatever the order of the records, their numbers, and doubles', () => {
    const key = site('10 b.test', '10 a.test', '20 c.test');
    assert.equal(key, 'a.test,b.test;c.test');
    assert.equal(site('20 c.test', '10 a.test', '10 b.test'), key);
    assert.equal(site('7 c.test', '5 a.test', '5 b.test'), key);
    assert.equal(site('10 b.test', '10 a.test', '20 c.test', '30 a.test'), key);
  });

  it('is another where mail is tried in another order, or there are other hosts', () => {
    const keys = [
      site('10 a.test', '20 b.test'),
      site('20 a.test', '10 b.test'),
      site('10 a.test', '10 b.test'),
      site('10 a.test'),
      site('10 a.test', '20 b.test', '30 c.test'),
    ];
    assert.equal(new Set(keys).size, keys.length, keys.join(' '));
  });

  it('is that of the hosts to which mail may go', () => {
    assert.equal(site('10 a.test', '15 bad!name.test', '20 self.test', '30 b.test'), 'a.test');
    assert.equal(site('0 '), undefined);
    assert.equal(site('10 self.test'), undefined);
    assert.equal(siteOf({ reply: { code: 451, status: '4.4.3', text: 'x' } }), undefined);
  });

  it('stays short where hosts are many, and still tells them apart', () => {
    const many = Array.from({ length: 300 }, (_, n) => `10 host-${String(n).padStart(3, '0')}.test`);
    const key = site(...many);
    assert.match(key ?? '', /^host-000\.test#[0-9a-f]{32}$/);
    assert.equal(site(...many.toReversed()), key);
    assert.notEqual(site(...many.slice(0, 99), '10 other.test'), key);
    const long = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(61)).join('.');
    assert.ok((site(`10 ${long}`, '20 x.test') ?? '').length <= 250);
  });
});
