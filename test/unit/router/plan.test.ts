import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAliases } from '../../../src/mail/aliases.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import { planMessage, type Plan, type PlanRules } from '../../../src/router/plan.ts';
import { RoutingTable } from '../../../src/router/table.ts';

function rules(aliases = '', limits: { depth?: number; fanout?: number } = {}): PlanRules {
  const table = new RoutingTable({
    domains: { local: ['here'], relay: [] },
    mailboxes: '*',
    routes: [{ match: 'smart.example', via: 'smtp:[127.0.0.1]:26' }],
    allowPrivate: false,
  });
  const isLocal = (domain: string): boolean => table.isLocal(domain);
  return {
    table,
    aliases: { aliases: parseAliases(aliases, 'a').table, isLocal, depth: 10, fanout: 10_000, ...limits },
  };
}

function envelope(...addresses: string[]): Envelope {
  const recipients = addresses.map((address) => ({ address }));
  return { sender: 'me@here', recipients, received: 1, tenant: 'default', origin: { via: 'smtp' } };
}

/** Parts as `next: recipient recipient`, with the status of the answer. */
function partsOf(plan: Plan): string[] {
  return plan.parts.map(({ hop, to, reply }) => `${reply?.status ?? hop.next}: ${to.join(' ')}`);
}

describe('planMessage', () => {
  it('plans a single recipient', () => {
    const plan = planMessage(envelope('anna@here'), {}, rules());
    assert.deepEqual(plan, {
      parts: [{ hop: { channel: 'maildir', next: 'here/anna' }, to: ['anna@here'] }],
      expansions: [],
    });
  });

  it('plans a single recipient that has no mailbox', () => {
    const [part] = planMessage(envelope('|x@here'), {}, rules('root: anna')).parts;
    assert.deepEqual(part?.hop, { channel: 'bounce', next: '' });
    assert.equal(part?.reply?.status, '5.1.1');
  });

  it('gathers recipients that share a hop, in order', () => {
    const to = envelope(
      'a@smart.example',
      'b@x.example',
      'c@smart.example',
      'd@x.example',
      '|@here',
      '/@here',
      'e@here',
    );
    assert.deepEqual(partsOf(planMessage(to, {}, rules())), [
      '[127.0.0.1]:26: a@smart.example c@smart.example',
      'mx:x.example: b@x.example d@x.example',
      '5.1.1: |@here /@here',
      'here/e: e@here',
    ]);
  });

  it('plans a recipient that is named twice once', () => {
    const plan = planMessage(envelope('a@x.example', 'a@x.example'), {}, rules());
    assert.deepEqual(partsOf(plan), ['mx:x.example: a@x.example']);
  });

  it('puts what an alias stands for in its place, and tells of it', () => {
    const plan = planMessage(envelope('team@here'), {}, rules('team: anna, bob@x.example'));
    assert.deepEqual(partsOf(plan), ['here/anna: anna@here', 'mx:x.example: bob@x.example']);
    assert.deepEqual(plan.expansions, [{ alias: 'team@here', into: ['anna@here', 'bob@x.example'] }]);
  });

  it('sends once to whom two aliases, or an alias and the envelope, name', () => {
    const plan = planMessage(envelope('one@here', 'two@here', 'Anna@here'), {}, rules('one: anna, c\ntwo: c, d'));
    assert.deepEqual(partsOf(plan), ['here/anna: Anna@here', 'here/c: c@here', 'here/d: d@here']);
    assert.deepEqual(plan.expansions, [
      { alias: 'one@here', into: ['Anna@here', 'c@here'] },
      { alias: 'two@here', into: ['c@here', 'd@here'] },
    ]);
  });

  it('fails the recipient over whom a guard was hit, and no other', () => {
    const plan = planMessage(
      envelope('loop@here', 'big@here', 'ok@here'),
      {},
      {
        ...rules('loop: pool\npool: loop\nbig: a, b, c\nok: d', { fanout: 2 }),
      },
    );
    assert.deepEqual(partsOf(plan), ['5.4.6: loop@here', '5.2.4: big@here', 'here/d: d@here']);
    const tooMany = plan.parts.find(({ reply }) => reply?.status === '5.2.4');
    assert.equal(tooMany?.reply?.class, 'policy', 'its status alone would say that its protocol is wrong');
    assert.deepEqual(plan.expansions, [{ alias: 'ok@here', into: ['d@here'] }]);
  });

  it('fails an alias that would make the message larger than a frame', () => {
    const many = (name: string): string =>
      `${name}: ${Array.from({ length: 30_000 }, (_, n) => `${name}${n}`).join(',')}`;
    const plan = planMessage(envelope('x@here', 'y@here'), {}, rules(`${many('x')}\n${many('y')}`, { fanout: 40_000 }));
    assert.deepEqual(
      plan.expansions.map((one) => one.alias),
      ['x@here'],
    );
    assert.deepEqual(
      plan.parts.filter((part) => part.reply).map((part) => part.to),
      [['y@here']],
    );
  });
});

describe('planMessage for the injector', () => {
  const aliases = rules('team: anna, bob\nanna: elsewhere@x.example');

  it('plans only whom it names', () => {
    const plan = planMessage(envelope('a@x.example', 'b@x.example'), { only: ['b@x.example'] }, aliases);
    assert.deepEqual(partsOf(plan), ['mx:x.example: b@x.example']);
    assert.deepEqual(planMessage(envelope('a@x.example'), { only: [] }, aliases), { parts: [], expansions: [] });
  });

  it('does not expand again what an expansion led to', () => {
    const plan = planMessage(envelope('team@here'), { only: ['anna@here'] }, aliases);
    assert.deepEqual(partsOf(plan), ['here/anna: anna@here']);
    assert.deepEqual(plan.expansions, []);
  });

  it('expands what was not expanded before the crash', () => {
    const plan = planMessage(envelope('team@here', 'z@x.example'), { only: ['team@here'] }, aliases);
    assert.deepEqual(partsOf(plan), ['mx:x.example: elsewhere@x.example', 'here/bob: bob@here']);
  });

  it('does not send again to a finished recipient whom an alias names too', () => {
    const plan = planMessage(envelope('team@here', 'Bob@here'), { only: ['team@here'] }, aliases);
    assert.deepEqual(partsOf(plan), ['mx:x.example: elsewhere@x.example']);
    assert.deepEqual(plan.expansions, [{ alias: 'team@here', into: ['elsewhere@x.example', 'Bob@here'] }]);
  });
});

describe('what was tried before', () => {
  it('is routed, and not expanded, whatever the alias file says by now', () => {
    const wanted = { only: ['y@here', 'team@here'], tried: ['y@here'] };
    const plan = planMessage(envelope('y@here', 'team@here'), wanted, rules('y: z@x.example\nteam: z@x.example'));
    assert.deepEqual(partsOf(plan), ['here/y: y@here', 'mx:x.example: z@x.example']);
    assert.deepEqual(
      plan.expansions.map((one) => one.alias),
      ['team@here'],
    );
  });
});

describe('planMessage on anything', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', '|e', 'f+t');
  const address = fc.tuple(name, fc.constantFrom('here', 'far.example')).map((parts) => parts.join('@'));
  const alias = fc.tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.array(fc.oneof(fc.constantFrom('a', 'b', 'd'), address), { minLength: 1 }),
  );

  it('accounts for every recipient exactly once', () => {
    fc.assert(
      fc.property(fc.array(address, { minLength: 1 }), fc.array(alias, { maxLength: 3 }), (to, entries) => {
        const given = rules(entries.map(([key, targets]) => `${key}: ${targets.join(',')}`).join('\n'));
        const plan = planMessage(envelope(...to), {}, given);
        const placed = plan.parts.flatMap((part) => part.to);
        const expanded = new Set(plan.expansions.map((one) => one.alias));
        assert.equal(new Set(placed).size, placed.length, 'nobody twice');
        for (const one of to) assert.ok(placed.includes(one) !== expanded.has(one), one);
        for (const { into } of plan.expansions) for (const leaf of into) assert.ok(placed.includes(leaf), leaf);
      }),
    );
  });
});
