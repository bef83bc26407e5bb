/** Aliases (CNAME), whether the server follows them or leaves that to us, and the word of validation along their way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDnsStub, type Records } from '../../support/dns-stub.ts';
import { AUTHENTIC, record, response, type Query } from '../../support/dns-wire.ts';
import { makeClock, makeDns, summary, whyOf } from './support.ts';

/** n0 → n1 → … → end. */
function chain(links: number, end: Records, fields: Records = {}): Record<string, Records> {
  const table: Record<string, Records> = { [`n${links}.test`]: end };
  for (let n = 0; n < links; n += 1) table[`n${n}.test`] = { CNAME: `n${n + 1}.test`, ...fields };
  return table;
}

for (const [how, alone] of [
  ['in one answer', false],
  ['an answer for each', true],
] as const) {
  describe(`aliases, ${how}`, () => {
    it('are followed to their end, whose name is told', async () => {
      await using server = await startDnsStub(chain(3, { A: ['192.0.2.1'] }, { alone }));
      const dns = makeDns(server.address);
      const answer = await dns.resolve('n0.test', 'A');
      assert.deepEqual(summary(answer), ['192.0.2.1']);
      assert.equal(answer.kind === 'found' && answer.name, 'n3.test');
      assert.equal(server.asked.length, alone ? 4 : 1);
      assert.equal(summary(await dns.resolve('n0.test', 'MX')), 'none');
    });

    it('that lead to nothing lead to no domain', async () => {
      await using server = await startDnsStub({ 'x.test': { CNAME: 'gone.test', alone } });
      assert.equal(summary(await makeDns(server.address).resolve('x.test', 'A')), 'no-domain');
    });

    it('that run in a circle, or are too many, are trouble', async () => {
      await using server = await startDnsStub({
        ...chain(9, { A: ['192.0.2.1'] }, { alone }),
        'a.test': { CNAME: 'b.test', alone },
        'b.test': { CNAME: 'a.test', alone },
        'self.test': { CNAME: 'self.test', alone },
      });
      const dns = makeDns(server.address);
      for (const name of ['a.test', 'self.test', 'n0.test']) {
        assert.equal(whyOf(await dns.resolve(name, 'A')), 'its aliases run in a circle, or are too many', name);
      }
      assert.deepEqual(summary(await dns.resolve('n1.test', 'A')), ['192.0.2.1'], 'eight are not too many');
    });

    it('are secure where all of them are, and their end', async () => {
      const end = { A: ['192.0.2.1'], secure: true };
      await using server = await startDnsStub({
        ...chain(2, end, { alone, secure: true }),
        'weak.test': { CNAME: 'n2.test', alone },
        'lost.test': { CNAME: 'weak-end.test', alone, secure: true },
        'weak-end.test': { A: ['192.0.2.2'] },
        'none.test': { CNAME: 'nothing.test', alone, secure: true },
        'nothing.test': { secure: true },
      });
      const dns = makeDns(server.address, { dnssec: true });
      const secure = async (name: string): Promise<boolean | undefined> => {
        const answer = await dns.resolve(name, 'A');
        return answer.kind === 'trouble' ? undefined : answer.secure;
      };
      assert.equal(await secure('n0.test'), true);
      assert.equal(await secure('weak.test'), false);
      assert.equal(await secure('lost.test'), false);
      assert.equal(await secure('none.test'), true, 'that there is none, is proved');
      assert.ok(server.queries.every(({ dnssecOk }) => dnssecOk));
    });
  });
}

it('aliases that take too long are trouble, though each came in time', async () => {
  const clock = makeClock();
  const slow = (target: string) => (query: Query) => {
    clock.now += 11_000;
    return [response(query, { answers: [record('CNAME', target)] })];
  };
  await using server = await startDnsStub({
    'a.test': { A: slow('b.test') },
    'b.test': { A: slow('c.test') },
    'c.test': { A: ['192.0.2.1'] },
  });
  const dns = makeDns(server.address, { ticks: clock.ticks });
  assert.equal(whyOf(await dns.resolve('a.test', 'A')), 'its aliases take too long');
  assert.deepEqual(summary(await dns.resolve('b.test', 'A')), ['192.0.2.1']);
});

it('nothing is secure where the configuration does not say that the server is to be believed', async () => {
  const authentic = (query: Query): Buffer[] => [
    response(query, { flags: AUTHENTIC, answers: [record('A', '192.0.2.1')] }),
  ];
  await using server = await startDnsStub({ 'x.test': { A: authentic } });
  for (const dnssec of [false, true]) {
    const answer = await makeDns(server.address, { dnssec }).resolve('x.test', 'A');
    assert.equal(answer.kind === 'found' && answer.secure, dnssec);
  }
});

it('a server that knows no EDNS is not asked without it where that would hide what is secure', async () => {
  await using server = await startDnsStub({ 'x.test': { A: (query) => [response(query, { code: 1 })] } });
  await makeDns(server.address, { dnssec: true }).resolve('x.test', 'A');
  assert.deepEqual(
    server.queries.map(({ size }) => size),
    [1232],
  );
});
