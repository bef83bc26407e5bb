/** A tiny comparison from end to end with the peer that is always here; and what the parts of others are made of. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { compare } from '../../bench/compare.ts';
import { growthPoints } from '../../bench/growth.ts';
import { parseOptions } from '../../bench/options.ts';
import { haraka } from '../../bench/peers/haraka.ts';
import { mailfarm } from '../../bench/peers/mailfarm.ts';
import { opensmtpd } from '../../bench/peers/opensmtpd.ts';
import { SCENARIOS } from '../../bench/scenarios.ts';
import { argumentsOf } from '../../bench/smtp-source.ts';
import { envelopeOf } from '../../bench/works/fan-out.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';

describe('compare', () => {
  const folder = makeTemp('compare');
  after(() => removeTemp(folder));

  it('takes a peer through works, and leaves nothing behind', async () => {
    const scenarios = SCENARIOS.filter(({ name }) => ['idle', 'many-sessions', 'fan-out'].includes(name)).map(
      (one) => ({
        ...one,
        sessions: Math.min(one.sessions, 10),
        idleSessions: Math.min(one.idleSessions, 5),
        messages: one.work === 'fan-out' ? 1 : 100,
      }),
    );
    const plan = {
      peers: [mailfarm],
      scenarios,
      rounds: 1,
      runSeconds: 60,
      budgetSeconds: 600,
      warmUpSeconds: 0.1,
      folder,
    };
    const result = await compare(plan, () => {});
    const outcomes = result.rows.map((row) => row.outcomes.get('mailfarm')?.[0] ?? assert.fail(row.scenario.name));
    assert.deepEqual(
      outcomes.map(({ problems }) => problems),
      [[], [], []],
    );
    const [idle, relay, fanOut] = outcomes.map(({ figures }) => figures);
    assert.ok((idle?.pss ?? 0) > 10);
    assert.ok((relay?.rate ?? 0) > 0 && (relay?.cpu ?? 0) > 0 && (relay?.pss ?? 0) > 10);
    assert.ok((fanOut?.rate ?? 0) > 0);
    assert.ok(!existsSync(result.folder), 'the folders are gone');
  });

  it('begins no round when the time is up, and says so', async () => {
    const scenarios = SCENARIOS.filter(({ name }) => name === 'relay-1k').map((one) => ({ ...one, messages: 50 }));
    const plan = {
      peers: [mailfarm],
      scenarios,
      rounds: 3,
      runSeconds: 60,
      budgetSeconds: 0,
      warmUpSeconds: 0,
      folder,
    };
    assert.equal((await compare(plan, () => {})).rounds, 0);
  });
});

describe('peers', () => {
  it('say how to get them where they are not', () => {
    const nowhere = join('/', 'no', 'such', 'folder');
    assert.match(haraka(nowhere).missing() ?? '', /npm install .* --haraka/);
    if (!existsSync('/usr/sbin/smtpd')) assert.match(opensmtpd(nowhere).missing() ?? '', /dpkg -x .* --opensmtpd/);
    assert.equal(mailfarm.missing(), undefined);
  });
});

describe('generators', () => {
  it('keep sessions open and number recipients', () => {
    const args = argumentsOf({ port: 25, sessions: 3, messages: 7, size: 100 }).join(' ');
    assert.match(args, /^-d -N -s 3 -m 7 -l 100 .* 127\.0\.0\.1:25$/);
  });

  it('spread the recipients of one message over domains', () => {
    const envelope = envelopeOf({ recipients: 1000, domains: 50 });
    assert.equal(envelope.length, 1002);
    assert.equal(envelope[1000], 'RCPT TO:<999r@d49.bench.example>\r\n');
    assert.equal(new Set(envelope.map((line) => /@(d\d+)/.exec(line)?.[1])).size, 51);
  });
});

describe('growthPoints', () => {
  it('changes one thing at a time, and bounds what a point sends', () => {
    const { plan } = parseOptions(['--growth']);
    const points = growthPoints(plan, false);
    assert.deepEqual(
      [...Map.groupBy(points, ({ series }) => series)].map(([series, { length }]) => `${series} ${length}`),
      ['queue length 3', 'sessions 5', 'size 5', 'workers 4'],
    );
    assert.equal(growthPoints(plan, true).length, points.length + 1);
    for (const { plan: each } of points) assert.ok(each.messages >= 300 && each.messages * each.size < 4e8);
    assert.deepEqual(points.at(-1)?.plan.set, ['farms.acceptor.workers=2', 'farms.smtp.workers=2']);
  });
});
