/** Why a message waits: told from the files and the log where nothing runs, and from what a scheduler says. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { adviceFor, groupText, type WhyContext } from '../../../../src/cli/queue/why-words.ts';
import { groupsOf, type Group } from '../../../../src/cli/queue/why-groups.ts';
import type { WherePart } from '../../../../src/ipc/insight.ts';
import type { RecipientState } from '../../../../src/queue/fold.ts';
import { treeHandle } from '../../../../src/queue/handle.ts';
import type { QueuedMessage } from '../../../../src/queue/queued-message.ts';
import type { QueueId } from '../../../../src/queue/store.ts';
import { makeEnvelope } from '../../queue/support.ts';
import { makeQueue, parseLines, type Planted } from '../queue-fixture.ts';

const HOUR = 3_600_000;
const REPLY = { code: 451, status: '4.4.1', text: 'no answer', remote: 'mx.example.net [192.0.2.9]:25' };
const HOP = { channel: 'smtp', next: 'mx:example.net' } as const;
const DEFERRED = { state: 'deferred', recipients: ['bob@example.net'], attempts: 3, hop: HOP, reply: REPLY } as const;
const FAILED = {
  state: 'failed',
  recipients: ['bob@example.net'],
  attempts: 1,
  reply: { ...REPLY, code: 550 },
} as const;

function held(why: string): Planted {
  return { inTree: true, outcomes: [{ state: 'held', recipients: ['bob@example.net'], why }] };
}

test('without a farm it says so, for each group of recipients, with what was tried', async () => {
  const queue = makeQueue();
  const id = await queue.plant({
    to: ['bob@example.net', 'cy@example.com', 'di@example.com', 'ed@example.com'],
    age: 2 * HOUR,
    inTree: true,
    outcomes: [
      { ...DEFERRED, until: Date.now() + HOUR + 5000 },
      { state: 'delivered', recipients: ['ed@example.com'] },
    ],
  });
  const { status, stdout, stderr } = await queue.queue('why', id);
  assert.deepEqual([status, stderr], [EX.OK, '']);
  const [head = '', bob = '', others = '', ...advice] = stdout.trimEnd().split('\n');
  assert.match(
    head,
    new RegExp(`^${id}, from ann@example\\.org, 24 bytes, came 2h ago, .* 1 of 4 recipients need nothing more\\.$`),
  );
  assert.match(
    bob,
    /^bob@example\.net: tried 3 times, the last time 2h ago, at .*, and mx\.example\.net \[192\.0\.2\.9\]:25 answered “451 4\.4\.1 no answer”\./,
  );
  assert.match(bob, /No farm runs on \/.*, so nothing is done; its time comes in (?:1h|59m), at /);
  assert.match(bob, /If it is not delivered by \d{4}-.*, it is given up and its sender gets a bounce\.$/);
  assert.match(others, /^cy@example\.com, di@example\.com: never tried yet\. No farm runs/);
  assert.deepEqual(advice, ['  mailfarmd  (starts the farm)']);
});

test('what is held says by whom, since when and why, and what may be done', async () => {
  const queue = makeQueue();
  const cases: readonly (readonly [string, RegExp, readonly string[]])[] = [
    ['held by an operator', /An operator held it \d+s ago, at [^“]*\. Nothing is tried/, ['release']],
    ['ask Anna', /An operator held it .*: “ask Anna”/, ['release']],
    [
      'filter structure: 5.7.1 no',
      /A filter put it into quarantine .*: “filter structure: 5\.7\.1 no”/,
      ['show', 'release', 'bounce'],
    ],
    [
      'worker after worker ended while it delivered this',
      /could not work on it, .*worker after worker/,
      ['trace', 'release', 'bounce'],
    ],
    ['router: killed twice', /could not work on it, .*: “router: killed twice”/, ['trace', 'release', 'bounce']],
    ['the message in the queue is damaged: torn', /can not be read, .*damaged/, ['trace', 'delete']],
  ];
  for (const [why, told, verbs] of cases) {
    const id = await queue.plant(held(why));
    const { stdout } = await queue.queue('why', id);
    assert.match(stdout, told, why);
    const advised = [...stdout.matchAll(/^ {2}queue (\w+) .*\(/gm)].map((match) => match[1]);
    assert.deepEqual(advised, verbs, why);
  }
});

test('what failed, what was deleted, and what is unknown', async () => {
  const queue = makeQueue();
  const failed = await queue.plant({ inTree: true, outcomes: [FAILED] });
  assert.match(
    (await queue.queue('why', failed)).stdout,
    /delivery failed for good \(\d+s ago, .*\) at mx\..* with “550 4\.4\.1 no answer”/,
  );
  const deleted = await queue.plant();
  await queue.queue('delete', deleted);
  const ran = await queue.queue('why', deleted);
  assert.equal(ran.status, EX.OK, ran.stderr);
  assert.match(
    ran.stdout,
    /An operator deleted it \d+s ago, .* \(operation [0-9a-z]{19}\): it is in the deleted queue/,
  );
  assert.match(ran.stdout, /removes it for good after \d{4}-/);
  assert.match(ran.stdout, new RegExp(`^ {2}queue restore ${deleted} `, 'm'));
  const unknown = await queue.queue('why', '0000000000000000000');
  assert.deepEqual([unknown.status, unknown.stdout], [EX.NOINPUT, '']);
  assert.match(unknown.stderr, /neither the queue nor the log knows 0000000000000000000/);
});

test('of what left the queue the log tells how it ended', async () => {
  const queue = makeQueue();
  const id = '1m818cn5asv6rq91000';
  const line = (time: string, fields: object): string =>
    JSON.stringify({ time: `2026-11-22T08:00:${time}Z`, level: 'info', id, ...fields });
  mkdirSync(path.join(queue.var, 'log'));
  const answer = { code: 250, status: '2.0.0', reply: 'ok', remote: 'mx [192.0.2.1]:25' };
  const lines = [
    line('00.000', { event: 'received' }),
    line('01.000', {
      event: 'attempt',
      to: ['a@x.example'],
      state: 'deferred',
      code: 451,
      status: '4.0.0',
      reply: 'later',
    }),
    line('02.000', { event: 'attempt', to: ['a@x.example'], state: 'delivered', ...answer }),
    line('02.500', {
      event: 'attempt',
      to: ['b@x.example'],
      state: 'failed',
      code: 550,
      status: '5.1.1',
      reply: 'unknown',
    }),
    line('03.000', {
      event: 'bounced',
      to: ['b@x.example'],
      state: 'bounced',
      code: 250,
      status: '2.0.0',
      reply: 'ok',
    }),
    line('04.000', { event: 'removed' }),
  ];
  writeFileSync(path.join(queue.var, 'log', 'mailfarm.log'), `${lines.join('\n')}\n`);
  const { status, stdout } = await queue.queue('why', id);
  assert.equal(status, EX.OK);
  assert.match(stdout, /It is finished and left the queue at /);
  assert.match(
    stdout,
    /a@x\.example was delivered by mx \[192\.0\.2\.1\]:25 at .* \(“250 2\.0\.0 ok”\); b@x\.example was failed at .* \(“550 5\.1\.1 unknown”\), which its sender was told\./,
  );
  const [json] = parseLines((await queue.queue('why', '--json', id)).stdout) as readonly {
    cause: string;
    ends: unknown[];
  }[];
  assert.deepEqual([json?.cause, json?.ends.length], ['finished', 2]);
});

test('selectors choose whom it tells of, --limit how many, and JSON has all of it', async () => {
  const queue = makeQueue();
  for (let n = 0; n < 3; n += 1)
    await queue.plant({ inTree: true, outcomes: [{ ...DEFERRED, until: Date.now() + HOUR }] });
  await queue.plant({ to: ['cy@example.com'] });
  const { stdout } = await queue.queue('why', '--hop', 'mx:*', '--json');
  const told = parseLines(stdout) as readonly {
    farm: string;
    groups: readonly {
      cause: string;
      until: string;
      tried: string;
      attempts: number;
      text: string;
      advice: unknown[];
    }[];
  }[];
  assert.equal(told.length, 3);
  const [group] = told[0]?.groups ?? [];
  assert.deepEqual([told[0]?.farm, group?.cause, group?.attempts, group?.advice.length], ['none', 'no-farm', 3, 1]);
  for (const time of [group?.until, group?.tried]) assert.match(time ?? '', /^\d{4}-\d\d-\d\dT.*Z$/);
  const some = await queue.queue('why', '--hop', 'mx:*', '--limit', '2');
  assert.equal(some.stdout.match(/^bob@/gm)?.length, 2);
  assert.match(some.stderr, /there are more; --limit/);
  assert.equal((await queue.queue('why', '--domain', 'nobody.example')).stdout, 'no message in the queue matches\n');
  const refused = await queue.queue('why');
  assert.deepEqual(
    [refused.status, refused.stderr],
    [EX.USAGE, 'queue: why needs the id of a message, or selectors\n'],
  );
});

const ID = '1m818cn5asv6rq91000' as QueueId;
const NOW = 1_800_000_000_000;
const CONTEXT: WhyContext = { id: ID, now: NOW, var: '/v', expires: NOW + HOUR, nullSender: false };
const BIN = { waiting: 5, lanes: 2, inDelivery: 3, troubles: 0 };

/** In the tree, with this recipient alone. */
function messageTo(recipient: RecipientState): QueuedMessage {
  const envelope = makeEnvelope([recipient.address]);
  return { id: ID, handle: treeHandle(ID), envelope, size: 1, where: 'tree', recipients: [recipient] };
}

/** What is told of one recipient that the scheduler describes so. */
function explain(
  part: Partial<WherePart> | undefined,
  state: Partial<RecipientState> = {},
  claimed = false,
): readonly [Group, string] {
  const recipient: RecipientState = { address: 'bob@example.net', state: 'waiting', attempts: 0, ...state };
  const message = messageTo(recipient);
  const parts = part ? [{ id: ID, hop: HOP, to: ['bob@example.net'], bin: BIN, ...part }] : [];
  const [group] = groupsOf(message, { kind: 'running', view: { parts, claimed } }, NOW);
  assert.ok(group);
  return [group, groupText(group, CONTEXT)];
}

test('what a scheduler says is told in words, with what to do', () => {
  const tried = { state: 'deferred', attempts: 1, tried: NOW - HOUR, reply: REPLY } as const;
  const cases: readonly (readonly [Parameters<typeof explain>, string, RegExp, readonly string[]])[] = [
    [[{ inDelivery: true }], 'in-delivery', /in delivery at this moment, to smtp mx:example\.net\./, []],
    [
      [{ ahead: 0 }],
      'turn',
      /its turn for smtp mx:example\.net: nothing is before it; 3 in delivery over 2 lanes\./,
      [],
    ],
    [[{ bin: BIN }], 'turn', /: how many are before it was not counted; /, []],
    [[{ ahead: 1 }], 'turn', /: 1 other is before it/, []],
    [[{ ahead: 12 }], 'turn', /: 12 others are before it/, []],
    [[{ ahead: 10_000 }], 'turn', /: 10000 others or more are before it/, []],
    [[{ ahead: 2, bin: { ...BIN, lanes: 0 } }], 'turn', /No lane is open there yet/, []],
    [[{ ahead: 2, bin: { ...BIN, tenants: 3 } }], 'turn', /Its tenant takes turns there with 2 more\./, []],
    [[{ ahead: 2, limited: true }], 'turn', /Its tenant may do no more at this moment/, ['mailfarm tenants']],
    [[{ ahead: 2, bin: { ...BIN, troubles: 2 } }], 'turn', /in trouble: one lane probes it/, []],
    [[{ ahead: 2, suspect: true }], 'turn', /A worker ended while it delivered this/, []],
    [
      [{ until: NOW + HOUR }, tried],
      'deferred',
      /tried once, 1h ago, .*no answer”\. It is tried again in 1h, at /,
      ['queue retry'],
    ],
    [
      [{ until: NOW + HOUR, trouble: REPLY, bin: { ...BIN, troubles: 4, until: NOW + HOUR } }],
      'hop-waits',
      /never tried yet\. All mail for smtp mx:example\.net waits, because 4 attempts in a row failed, the last with “451 4\.4\.1 no answer”; one lane probes it in 1h, at /,
      ['queue retry'],
    ],
    [
      [{ until: NOW + HOUR, trouble: REPLY, bin: { ...BIN, troubles: 0, until: NOW + HOUR } }],
      'hop-waits',
      /because it has no worker \(“451/,
      ['queue retry'],
    ],
    [
      [{ hop: { channel: 'bounce', next: '' }, inDelivery: true }, { state: 'failed' }],
      'in-delivery',
      /The report to its sender is being written/,
      [],
    ],
    [
      [{ hop: { channel: 'bounce', next: '' }, ahead: 0 }, { state: 'succeeded' }],
      'turn',
      /delivered; its sender asked to be told\. The report to its sender waits for its turn/,
      [],
    ],
    [[undefined], 'on-its-way', /just being taken up by the farm/, ['queue trace']],
    [[undefined, {}, true], 'command', /waits until the queue command ends/, []],
    [[{ ahead: 0 }, { state: 'held', why: 'x' }], 'held', /An operator held it/, ['queue release']],
    [
      [{ until: NOW + HOUR }, { ...tried, warned: true }],
      'deferred',
      /Its sender was told of the delay\. If it is not delivered by/,
      ['queue retry'],
    ],
  ];
  for (const [args, cause, told, advised] of cases) {
    const [group, text] = explain(...args);
    assert.equal(group.cause, cause);
    assert.match(text, told);
    assert.deepEqual(
      adviceFor(group, CONTEXT).map(({ command }) => command.replace(` ${ID}`, '')),
      advised,
      text,
    );
  }
});

test('a scheduler that does not answer is told, and old mail is what it is', () => {
  const recipient: RecipientState = { address: 'bob@example.net', state: 'waiting', attempts: 0 };
  const message = messageTo(recipient);
  const [group] = groupsOf(message, { kind: 'silent' }, NOW);
  assert.ok(group);
  const text = groupText(group, { ...CONTEXT, expires: NOW - 1, nullSender: true });
  assert.match(text, /A farm runs on \/v, but its scheduler does not answer; by the files, it is due now\./);
  assert.match(text, /older than it may be: after the next attempt it is given up\.$/);
  assert.deepEqual(
    adviceFor(group, CONTEXT).map(({ command }) => command),
    ['mailfarm status'],
  );
});

test('what came with mail cannot steer the terminal', async () => {
  const queue = makeQueue();
  const reply = { code: 450, status: '4.0.0', text: '\u001b[31mred\nforged' };
  const id = await queue.plant({
    sender: 'evil\u001b[2J@example.org',
    inTree: true,
    outcomes: [{ ...DEFERRED, until: 1, reply }],
  });
  const { stdout } = await queue.queue('why', id);
  assert.match(stdout, /red forged/);
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  assert.doesNotMatch(stdout, /[\u001b\u0007]/);
});

test('what is there and not told of is not taken for gone', async () => {
  const queue = makeQueue();
  const [first = '', second = '', removed = ''] = await queue.plantAll([{ inTree: true }, {}, {}]);
  // The log knows them: what is not in the queue would be told by their last lines.
  await queue.queue('hold', second);
  await queue.queue('delete', removed);
  const limited = await queue.queue('why', first, second, '--limit', '1');
  assert.deepEqual(
    [limited.status, limited.stderr],
    [EX.OK, 'queue: there are more; --limit says how many are told of\n'],
  );
  assert.match(limited.stdout, new RegExp(`^${first}, [^]*\\n$`));
  assert.doesNotMatch(limited.stdout, new RegExp(second));
  const beyond = await queue.queue('why', first, removed, '--limit', '1');
  assert.match(beyond.stderr, /^queue: there are more/);
  assert.doesNotMatch(beyond.stdout, new RegExp(removed));
  for (const [id, where, ...args] of [
    [second, 'queue', '--state', 'deferred'],
    [second, 'queue', '--not', 'state=held'],
    [second, 'queue', '--state', 'deleted'],
    [removed, 'deleted queue', '--sender', 'somebody@else.example'],
  ] as const) {
    const ran = await queue.queue('why', id, ...args);
    assert.deepEqual([ran.status, ran.stdout], [EX.NOINPUT, ''], args.join(' '));
    assert.equal(ran.stderr, `queue: ${id} is in the ${where}, and the other selectors leave it out\n`);
  }
});
