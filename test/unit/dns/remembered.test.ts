/** What the resolver remembers and how long, by a clock that the test sets; and what it asks only once, or not at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDnsStub, type Records } from '../../support/dns-stub.ts';
import { record, response } from '../../support/dns-wire.ts';
import { waitFor } from '../../support/wait.ts';
import { makeClock, makeDns, summary, whyOf } from './support.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** The seconds after which a name is asked for again. */
async function keptFor(records: Records, name = 'x.test'): Promise<number> {
  await using server = await startDnsStub({ 'x.test': records });
  const clock = makeClock();
  const dns = makeDns(server.address, { ticks: clock.ticks });
  const holds = dns.holdsFor(await dns.resolve(name, 'A'));
  clock.now += Math.max(0, holds - 1);
  const before = server.asked.length;
  await dns.resolve(name, 'A');
  if (holds > 0) assert.equal(server.asked.length, before, 'remembered to the end');
  clock.now += 1;
  await dns.resolve(name, 'A');
  assert.ok(server.asked.length > before, 'and no longer');
  return holds / SECOND;
}

describe('an answer is remembered', () => {
  const A = ['192.0.2.1'];

  it('for its time to live, 5 seconds at least and a day at most', async () => {
    assert.equal(await keptFor({ A, ttl: 300 }), 300);
    assert.equal(await keptFor({ A, ttl: 1 }), 5);
    assert.equal(await keptFor({ A, ttl: 604_800 }), 86_400);
  });

  it('not at all where that is 0, or 2^31 and more', async () => {
    assert.equal(await keptFor({ A, ttl: 0 }), 0);
    assert.equal(await keptFor({ A, ttl: 2 ** 31 }), 0);
    assert.equal(await keptFor({ A, ttl: 2 ** 32 - 1 }), 0);
    assert.equal(await keptFor({ A, ttl: 2 ** 31 - 1 }), 86_400);
  });

  it('for the shortest time of the way to it', async () => {
    await using server = await startDnsStub({
      'a.test': { CNAME: 'b.test', ttl: 30, alone: true },
      'b.test': { CNAME: 'c.test', ttl: 900 },
      'c.test': { A, ttl: 600 },
    });
    const dns = makeDns(server.address, { ticks: makeClock().ticks });
    assert.equal(dns.holdsFor(await dns.resolve('a.test', 'A')), 30 * SECOND);
    assert.equal(dns.holdsFor(await dns.resolve('b.test', 'A')), 600 * SECOND);
  });

  it('that there is none, for the time that the zone says, an hour at most', async () => {
    assert.equal(await keptFor({ negative: 120 }), 120);
    assert.equal(await keptFor({ negative: 7200 }), 3600);
    assert.equal(await keptFor({ negative: 'none' }), 0);
    assert.equal(await keptFor({}, 'gone.test'), 60);
  });

  it('that there is none, not for what the SOA of another zone says', async () => {
    const foreign = record('SOA', '900', { name: 'other.test', ttl: 900 });
    assert.equal(await keptFor({ A: (query) => [response(query, { authorities: [foreign] })] }), 0);
    const lesser = record('SOA', '900', { name: 'test', ttl: 40 });
    assert.equal(await keptFor({ A: (query) => [response(query, { authorities: [lesser] })] }), 40);
  });

  it('that it is trouble, for half a minute', async () => {
    assert.equal(await keptFor({ A: 'trouble' }), 30);
  });

  it('under its name and type', async () => {
    await using server = await startDnsStub({ 'x.test': { A, AAAA: ['2001:db8::1'] } });
    const dns = makeDns(server.address);
    for (const name of ['x.test', 'X.Test', 'x.test.']) assert.deepEqual(summary(await dns.resolve(name, 'A')), A);
    assert.deepEqual(summary(await dns.resolve('x.test', 'AAAA')), ['2001:db8::1']);
    assert.deepEqual(server.asked, ['A x.test', 'AAAA x.test']);
    assert.deepEqual(dns.figures, { sent: 2, cached: 2, forged: 0, trouble: 0 });
  });

  it('not where the machine itself was in trouble', async () => {
    await using server = await startDnsStub({ 'busy.test': { A: 'silence' }, 'x.test': { A } });
    const dns = makeDns(server.address, { limits: { atOnce: 1, waiting: 0 } });
    void dns.resolve('busy.test', 'A');
    await waitFor(() => server.asked.length > 0);
    const answer = await dns.resolve('x.test', 'A');
    assert.equal(whyOf(answer), 'too many questions are under way');
    assert.equal(dns.holdsFor(answer), 0);
  });
});

describe('a question', () => {
  it('that many ask at once goes out once', async () => {
    const table: Record<string, Records> = { 'x.test': { A: ['192.0.2.1'], ttl: 0, delay: 50 } };
    await using server = await startDnsStub(table);
    const dns = makeDns(server.address);
    const answers = await Promise.all(Array.from({ length: 100 }, () => dns.resolve('x.test', 'A')));
    assert.ok(answers.every((answer) => summary(answer)[0] === '192.0.2.1'));
    assert.deepEqual(server.asked, ['A x.test']);
    await dns.resolve('x.test', 'A');
    assert.equal(server.asked.length, 2, 'and again when that is over: it holds no time');
  });

  it('waits for its turn where many are under way', async () => {
    const table: Record<string, Records> = {};
    for (let n = 0; n < 30; n += 1) table[`n${n}.test`] = { A: [`192.0.2.${n}`], delay: 5 };
    await using server = await startDnsStub(table);
    const dns = makeDns(server.address, { limits: { atOnce: 2 } });
    const names = Object.keys(table);
    const answers = await Promise.all(names.map((name) => dns.resolve(name, 'A')));
    assert.deepEqual(
      answers.map((answer) => summary(answer)[0]),
      names.map((_, n) => `192.0.2.${n}`),
    );
  });
});

it('a day later the answer of yesterday is forgotten, however often it was used', async () => {
  const table: Record<string, Records> = { 'x.test': { A: ['192.0.2.1'], ttl: 2 ** 31 - 1 } };
  await using server = await startDnsStub(table);
  const clock = makeClock();
  const dns = makeDns(server.address, { ticks: clock.ticks });
  await dns.resolve('x.test', 'A');
  table['x.test'] = { A: ['192.0.2.2'] };
  for (let hour = 0; hour < 23; hour += 1) {
    clock.now += HOUR;
    assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.1']);
  }
  clock.now += HOUR;
  assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.2']);
});
