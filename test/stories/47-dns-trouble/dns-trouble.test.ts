/** DNS that is down, fails, answers late or wrongly: the mail that needs it waits, all other mail does not, and goes on when DNS does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDnsStub, type Records } from '../../support/dns-stub.ts';
import { startFarm } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const GOOD: Records = { MX: ['10 mx.good.example'] };

const TROUBLES: readonly Records[] = [
  { MX: 'trouble', A: 'trouble' },
  { MX: 'silence', A: 'silence' },
  { ...GOOD, delay: 30_000 },
  { MX: 'rubbish', A: 'rubbish' },
  { MX: 'forged', A: 'forged' },
];

describe('DNS that fails, says nothing, or answers late, with rubbish or for somebody else', () => {
  it('holds up only the mail that needs it, and only so long', async () => {
    await using sink = await startSink();
    const table: Record<string, Records> = { 'good.example': GOOD, 'mx.good.example': { A: ['127.0.0.1'] } };
    const bad = Array.from({ length: 30 }, (_, n) => `bad-${n}.example`);
    for (const [n, name] of bad.entries()) table[name] = TROUBLES[n % TROUBLES.length] ?? GOOD;
    await using dns = await startDnsStub(table);
    await using farm = await startFarm({
      set: [
        'domains.local=[localhost]',
        `smtp.port=${sink.port}`,
        'smtp.allowPrivate=true',
        `smtp.resolvers=["${dns.address}"]`,
        'retry.times=[1s]',
      ],
    });
    const stuck = await sendMail({
      port: farm.port,
      from: 'anna@localhost',
      to: (n) => [`bob@${bad[n]}`],
      count: bad.length,
      prefix: 'bad',
    });
    assert.equal(stuck.accepted.length, bad.length, 'mail is taken');
    await sendMail({ port: farm.port, to: ['bob@good.example', 'carl@localhost'], count: 5, prefix: 'good' });
    await waitFor(() => [...sink.counts().keys()].filter((id) => id.startsWith('good')).length === 5, {
      what: () => `other mail\n${farm.tail()}`,
    });
    const ours = (state: string, name: string): boolean =>
      farm
        .logLines()
        .some(
          (line) => line.event === 'attempt' && line['state'] === state && String(line['next']).endsWith(`:${name}`),
        );
    await waitFor(() => bad.every((name) => ours('deferred', name)), { what: () => `deferrals\n${farm.tail()}` });
    assert.ok(!bad.some((name) => ours('failed', name) || ours('delivered', name)));
    for (const name of bad) table[name] = GOOD;
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      stuck.accepted.filter((id) => counts.get(id) !== 1),
      [],
      'all, once',
    );
    assert.ok(!bad.some((name) => ours('failed', name)), 'nothing was returned');
  });
});
