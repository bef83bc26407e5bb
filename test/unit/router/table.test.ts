import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RoutingTable, type RoutingRules } from '../../../src/router/table.ts';

const RULES: RoutingRules = {
  domains: { local: ['localhost', 'Home.example'], relay: ['relay.example'] },
  mailboxes: '*',
  routes: [],
  allowPrivate: false,
};

function table(rules: Partial<RoutingRules> = {}): RoutingTable {
  return new RoutingTable({ ...RULES, ...rules });
}

/** `channel next`, with the status of the answer where there is one. */
function goes(to: RoutingTable, address: string): string {
  const { hop, reply } = to.route(address);
  return [hop.channel, hop.next, reply?.status].filter(Boolean).join(' ');
}

describe('RoutingTable without routes', () => {
  const routing = table();
  const cases: [string, string][] = [
    ['anna@localhost', 'maildir localhost/anna'],
    ['Anna+tag@home.example', 'maildir home.example/anna'],
    ['postmaster@home.example', 'maildir home.example/postmaster'],
    ['anna@relay.example', 'smtp mx:relay.example'],
    ['anna@elsewhere.example', 'smtp mx:elsewhere.example'],
    ['anna@[203.0.114.9]', 'smtp [203.0.114.9]:25'],
    ['anna@[IPv6:2606::9]', 'smtp [2606::9]:25'],
    ['anna@[127.0.0.1]', 'bounce 5.1.2'],
    ['anna@[10.0.0.1]', 'bounce 5.1.2'],
    ['anna@[IPv6:::1]', 'bounce 5.1.2'],
    ['anna@[IPv6:::ffff:7f00:1]', 'bounce 5.1.2'],
    ['"anna@elsewhere.example"@localhost', 'bounce 5.1.1'],
    ['user%other.org@localhost', 'bounce 5.1.1'],
    ['a!b!user@localhost', 'bounce 5.1.1'],
    ['|/bin/sh@localhost', 'bounce 5.1.1'],
    ['"/etc/passwd"@localhost', 'bounce 5.1.1'],
    ['../../../../tmp/x@localhost', 'bounce 5.1.1'],
    ['user/../root@localhost', 'bounce 5.1.1'],
    ['user+../../x@localhost', 'maildir localhost/user'],
    ['${{7*7}}@localhost', 'bounce 5.1.1'],
    ['-oQ/tmp@localhost', 'bounce 5.1.1'],
    ['constructor@localhost', 'maildir localhost/constructor'],
    ['__proto__@localhost', 'maildir localhost/__proto__'],
    ['x@constructor', 'smtp mx:constructor'],
    ['x@__proto__', 'smtp mx:__proto__'],
  ];
  for (const [address, expected] of cases) {
    it(`routes ${address} to ${expected}`, () => assert.equal(goes(routing, address), expected));
  }

  it('sends a recipient of a drill to its sink, and others of that domain where mail for nobody goes', () => {
    const run = '0f'.repeat(16);
    for (const [address, expected] of [
      ['bob@drill.invalid', 'smtp mx:drill.invalid'],
      [`${run}@drill.invalid`, `smtp drill:${run}`],
      [`${run}0@drill.invalid`, 'smtp mx:drill.invalid'],
      [`${run}@sub.drill.invalid`, 'smtp mx:sub.drill.invalid'],
    ] as const) {
      assert.equal(goes(routing, address), expected);
      assert.equal(
        goes(table({ routes: [{ match: '*', via: 'smtp:[hub.example]:25' }] }), address).includes(run),
        expected.includes(`drill:${run}`),
      );
    }
  });

  it('says the same when asked again', () => {
    for (const [address, expected] of cases) assert.equal(goes(routing, address), expected);
  });

  it('connects to private literals where that is allowed', () => {
    assert.equal(goes(table({ allowPrivate: true }), 'anna@[127.0.0.1]'), 'smtp [127.0.0.1]:25');
  });
});

describe('RoutingTable with mailboxes by name', () => {
  const routing = table({ mailboxes: ['anna', 'bob@localhost'] });
  it('knows them and postmaster, and nobody else', () => {
    assert.equal(goes(routing, 'anna@localhost'), 'maildir localhost/anna');
    assert.equal(goes(routing, 'bob@localhost'), 'maildir localhost/bob');
    assert.equal(goes(routing, 'bob@home.example'), 'bounce 5.1.1');
    assert.equal(goes(routing, 'postmaster@localhost'), 'maildir localhost/postmaster');
    assert.equal(goes(routing, 'constructor@localhost'), 'bounce 5.1.1');
  });
});

describe('RoutingTable with routes', () => {
  const routing = table({
    routes: [
      { match: 'vip@dead.example', via: 'smtp:[10.0.0.1]:26' },
      { match: 'dead.example', via: 'bounce:5.1.10 No mail since 1999' },
      { match: '.sub.example', via: 'lmtp:unix:/run/l' },
      { match: 'deep.sub.example', via: 'mx' },
      { match: 'late@any.sub.example', via: 'mx' },
      { match: 'first.example', via: 'smtp:[one.example]:25' },
      { match: 'first.example', via: 'smtp:[two.example]:25' },
      { match: 'home.example', via: 'lmtp:[127.0.0.1]:24' },
      { match: 'foreign.example', via: 'maildir' },
      { match: '[192.168.0.9]', via: 'mx' },
      { match: 'nonsense', via: 'pipe:/bin/sh' },
      { match: '*', via: 'smtp:[127.0.0.1]:2526' },
      { match: 'never.example', via: 'mx' },
    ],
  });
  const cases: [string, string, string][] = [
    ['an address before its domain', 'VIP@dead.example', 'smtp [10.0.0.1]:26'],
    ['a bounce', 'x@dead.example', 'bounce 5.1.10'],
    ['domains below', 'x@any.sub.example', 'lmtp unix:/run/l'],
    ['domains far below', 'x@a.b.c.sub.example', 'lmtp unix:/run/l'],
    ['not the domain itself', 'x@sub.example', 'smtp [127.0.0.1]:2526'],
    ['not a domain with the same ending', 'x@notsub.example', 'smtp [127.0.0.1]:2526'],
    ['the first that matches, though a later one is narrower', 'x@deep.sub.example', 'lmtp unix:/run/l'],
    ['the first that matches, though a later one is an address', 'late@any.sub.example', 'lmtp unix:/run/l'],
    ['the first of two equal ones', 'x@first.example', 'smtp [one.example]:25'],
    ['a local domain that a route names', 'x@home.example', 'lmtp [127.0.0.1]:24'],
    ['a local domain that only * matches', 'x@localhost', 'maildir localhost/x'],
    ['a foreign domain to its Maildir', 'x@foreign.example', 'maildir foreign.example/x'],
    ['and its unknown names', '|x@foreign.example', 'bounce 5.1.1'],
    ['a private literal with a route of its own', 'x@[192.168.0.9]', 'bounce 5.1.2'],
    ['another literal to the smarthost', 'x@[192.168.0.1]', 'smtp [127.0.0.1]:2526'],
    ['what a broken route names', 'x@nonsense', 'smtp [127.0.0.1]:2526'],
    ['what stands behind *', 'x@never.example', 'smtp [127.0.0.1]:2526'],
  ];
  for (const [what, address, expected] of cases) {
    it(`routes ${what}`, () => {
      assert.equal(goes(routing, address), expected);
      assert.equal(goes(routing, address), expected);
    });
  }

  it('finds the route of a local domain behind *, which is not for it', () => {
    const routes = [
      { match: '*', via: 'smtp:[127.0.0.1]:2526' },
      { match: 'home.example', via: 'lmtp:[127.0.0.1]:24' },
    ];
    assert.equal(goes(table({ routes }), 'x@home.example'), 'lmtp [127.0.0.1]:24');
    assert.equal(goes(table({ routes }), 'x@localhost'), 'maildir localhost/x');
  });

  it('keeps destinations of one domain apart from those of another', () => {
    const plain = table({ routes: [{ match: 'a.example', via: 'smtp:[a]:25' }] });
    assert.equal(goes(plain, 'x@a.example'), 'smtp [a]:25');
    assert.equal(goes(plain, 'x@b.example'), 'smtp mx:b.example');
    assert.equal(goes(plain, 'y@a.example'), 'smtp [a]:25');
  });
});

describe('RoutingTable against a plain reading of the list', () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
  const address = fc.tuple(fc.constantFrom('u', 'v'), domain).map(([local, at]) => `${local}@${at}`);
  const match = fc.oneof(
    domain,
    domain.map((text) => `.${text}`),
    address,
    fc.constant('*'),
  );

  it('always takes the first match', () => {
    fc.assert(
      fc.property(fc.array(match, { maxLength: 8 }), fc.array(address, { minLength: 1 }), (matches, addresses) => {
        const routes = matches.map((text, index) => ({ match: text, via: `smtp:[r${index}]:25` }));
        const routing = table({ domains: { local: [], relay: [] }, routes });
        for (const one of addresses) {
          const first = matches.findIndex((text) => matchesPlainly(text, one));
          assert.equal(goes(routing, one), first < 0 ? `smtp mx:${one.slice(2)}` : `smtp [r${first}]:25`);
        }
      }),
    );
  });

  function matchesPlainly(text: string, to: string): boolean {
    const at = to.slice(to.indexOf('@') + 1);
    if (text === '*') return true;
    if (text.startsWith('.')) return at.endsWith(text);
    return text.includes('@') ? text === to : text === at;
  }
});
