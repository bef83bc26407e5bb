import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { makeQueue, parseLines } from '../queue-fixture.ts';

const HOUR = 3_600_000;
const DEFERRED = {
  state: 'deferred' as const,
  recipients: ['bob@example.net'],
  attempts: 3,
  hop: { channel: 'smtp' as const, next: 'mx:example.net' },
  reply: { code: 451, status: '4.4.1', text: 'no answer', remote: 'mx.example.net [192.0.2.9]:25' },
};

test('an empty queue says so', async () => {
  const queue = makeQueue();
  const listed = await queue.queue('list');
  assert.deepEqual([listed.status, listed.stdout, listed.stderr], [EX.OK, 'the queue is empty\n', '']);
  assert.equal((await queue.queue('list', '--json')).stdout, '');
  assert.equal((await queue.queue('count')).stdout, '0\n');
  assert.equal((await queue.queue('list', '--state', 'deleted')).stdout, 'the deleted queue is empty\n');
});

test('list shows journal and tree, with states, next attempt and reason', async () => {
  const queue = makeQueue();
  const fresh = await queue.plant({ to: ['bob@example.net', 'cy@example.net'] });
  const stuck = await queue.plant({
    age: 2 * HOUR,
    inTree: true,
    outcomes: [{ ...DEFERRED, until: Date.now() + HOUR + 5000 }],
  });
  const { status, stdout } = await queue.queue('list');
  assert.equal(status, EX.OK);
  const [titles = '', ...lines] = stdout.trimEnd().split('\n');
  assert.match(titles, /^ID +AGE +SIZE +STATE +NEXT +SENDER +RECIPIENTS +REASON$/);
  assert.equal(lines.length, 2);
  assert.match(
    lines.find((line) => line.startsWith(fresh)) ?? '',
    /waiting +- +ann@example\.org +bob@example\.net \+1 more/,
  );
  assert.match(
    lines.find((line) => line.startsWith(stuck)) ?? '',
    /2h .*deferred +in 1h .*mx\.example\.net \[192\.0\.2\.9\]:25: 451 4\.4\.1 no answer/,
  );
});

test('list --json prints one object a line', async () => {
  const queue = makeQueue();
  const id = await queue.plant({ inTree: true, outcomes: [{ ...DEFERRED, until: Date.now() + HOUR }] });
  const [message] = await queue.list();
  assert.equal(message?.id, id);
  assert.equal(message.state, 'deferred');
  assert.equal(message.recipients[0]?.attempts, 3);
});

test('selectors choose', async () => {
  const queue = makeQueue();
  const old = await queue.plant({ age: 3 * HOUR, sender: '', to: ['x@sub.example.com'], inTree: true });
  const young = await queue.plant({ sender: 'news@example.org' });
  const ids = async (...args: string[]): Promise<readonly string[]> => (await queue.list(...args)).map((one) => one.id);
  assert.deepEqual(await ids('--age', '>1h'), [old]);
  assert.deepEqual(await ids('--age', '<1h'), [young]);
  assert.deepEqual(await ids('--sender', '<>'), [old]);
  assert.deepEqual(await ids('--sender', 'news@*'), [young]);
  assert.deepEqual(await ids('--domain', '.example.com'), [old]);
  assert.deepEqual(await ids('--recipient', 'bob@example.net'), [young]);
  assert.deepEqual(await ids(young), [young]);
  assert.deepEqual(await ids('--id', old), [old]);
  assert.deepEqual(await ids('--state', 'held'), []);
  assert.deepEqual((await ids('--sender', 'news@*', '--sender', '<>')).length, 2);
  assert.deepEqual((await ids('--limit', '1')).length, 1);
  assert.equal((await queue.queue('count', '--domain', 'example.net')).stdout, '1\n');
});

test('count --json sums up', async () => {
  const queue = makeQueue();
  await queue.plant({ to: ['a@example.net', 'b@example.net'] });
  await queue.plant({
    outcomes: [{ state: 'held', recipients: ['bob@example.net'], why: 'quarantine' }],
    inTree: true,
  });
  const [sum] = parseLines((await queue.queue('count', '--json')).stdout) as readonly Record<string, unknown>[];
  assert.deepEqual(sum?.['messages'], 2);
  assert.deepEqual(sum?.['recipients'], 3);
  assert.deepEqual(sum?.['states'], { waiting: 1, held: 1 });
});

test('summary counts recipients by domain and age', async () => {
  const queue = makeQueue();
  await queue.plant({ to: ['a@example.net', 'b@example.net', 'c@example.com'] });
  await queue.plant({ age: 3 * HOUR, inTree: true });
  const { stdout } = await queue.queue('summary');
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ +/));
  assert.deepEqual(rows[0], ['DOMAIN', 'T', '5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+']);
  assert.deepEqual(rows[1], ['TOTAL', '4', '3', '0', '0', '0', '0', '0', '1', '0', '0', '0']);
  assert.deepEqual(rows[2], ['example.net', '3', '2', '0', '0', '0', '0', '0', '1', '0', '0', '0']);
  assert.deepEqual(rows[3]?.slice(0, 2), ['example.com', '1']);
  assert.match(stdout, /\nT: recipients in all; the columns are minutes of age: .*\n$/);
  const json = parseLines((await queue.queue('summary', '--json', '--by', 'sender-domain')).stdout) as readonly {
    readonly name: string;
  }[];
  assert.deepEqual(
    json.map((row) => row.name),
    ['TOTAL', 'example.org'],
  );
});

test('show prints envelope, recipients and header; content on demand', async () => {
  const queue = makeQueue();
  const id = await queue.plant({ content: 'Subject: one\r\n folded\r\n\r\nfirst\r\n\r\nlast\r\n' });
  const shown = await queue.queue('show', id);
  assert.equal(shown.status, EX.OK);
  assert.match(shown.stdout, /sender: +ann@example\.org/);
  assert.match(shown.stdout, /from: +smtp, 192\.0\.2\.1, helo client\.example/);
  assert.match(shown.stdout, /bob@example\.net +waiting/);
  assert.match(shown.stdout, /\nSubject: one\n folded\n$/);
  assert.equal((await queue.queue('show', id, '--headers')).stdout, 'Subject: one\n folded\n');
  assert.equal((await queue.queue('show', id, '--body')).stdout, 'first\n\nlast\n');
  assert.equal((await queue.queue('show', id, '--raw')).stdout, 'Subject: one\r\n folded\r\n\r\nfirst\r\n\r\nlast\r\n');
  const [json] = parseLines((await queue.queue('show', id, '--json')).stdout) as readonly { readonly id: string }[];
  assert.equal(json?.id, id);
  assert.equal((await queue.queue('show', id, '--raw', '--body')).status, EX.USAGE);
});

test('stored mail cannot steer the terminal', async () => {
  const queue = makeQueue();
  const id = await queue.plant({
    sender: 'evil\u001b[2J@example.org',
    content: 'Subject: \u001b]0;owned\u0007\r\n\r\n\u001b[2J\u202eboo\r\n',
    outcomes: [
      { ...DEFERRED, until: Date.now(), reply: { code: 450, status: '4.0.0', text: '\u001b[31mred\nforged' } },
    ],
  });
  for (const args of [
    ['list'],
    ['show', id],
    ['show', id, '--body'],
    ['show', id, '--headers'],
    ['trace', id],
    ['summary', '--by', 'sender'],
  ]) {
    const { stdout } = await queue.queue(...args);
    assert.ok(stdout.length > 0);
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    assert.ok(!/[\u001b\u0007\u202e]/.test(stdout), args.join(' '));
  }
});

test('unknown and wrong ids', async () => {
  const queue = makeQueue();
  for (const verb of ['list', 'show', 'trace']) {
    assert.equal((await queue.queue(verb, '0000000000000000000')).status, EX.NOINPUT, verb);
    const wrong = await queue.queue(verb, '../../etc/passwd');
    assert.equal(wrong.status, EX.USAGE, verb);
    assert.match(wrong.stderr, /no queue id/);
  }
});

test('trace shows the day that belongs to the clock', async (t) => {
  const queue = makeQueue();
  const id = await queue.plant();
  mkdirSync(path.join(queue.var, 'log'));
  const line = { time: '2026-11-22T11:00:00.000Z', level: 'info', farm: 'smtp', worker: 'smtp-1', event: 'x', id };
  writeFileSync(path.join(queue.var, 'log', 'mailfarm.log'), `${JSON.stringify(line)}\n`);
  const zone = process.env['TZ'];
  t.after(() => (zone === undefined ? delete process.env['TZ'] : (process.env['TZ'] = zone)));
  process.env['TZ'] = 'Pacific/Kiritimati';
  assert.match((await queue.queue('trace', id)).stdout, /^2026-11-23 01:00:00 smtp-1 x/);
});

test('trace tells the log and the queue in order of time', async () => {
  const queue = makeQueue();
  const id = await queue.plant();
  const line = (time: string, event: string, of = id): string =>
    `${JSON.stringify({ time, level: 'info', farm: 'smtp', worker: 'smtp-1', event, id: of })}\n`;
  mkdirSync(path.join(queue.var, 'log'));
  writeFileSync(path.join(queue.var, 'log', 'mailfarm.log.1'), line('2026-11-22T08:00:00.000Z', 'received'));
  writeFileSync(
    path.join(queue.var, 'log', 'mailfarm.log'),
    `${line('2026-11-22T09:00:02.000Z', 'attempt')}${line('2026-11-22T09:00:01.000Z', 'routed')}${line('2026-11-22T09:00:03.000Z', 'attempt', 'x')}torn ${id}\n`,
  );
  const { status, stdout } = await queue.queue('trace', id);
  assert.equal(status, EX.OK);
  const events = stdout
    .split('\n')
    .map((text) => /smtp-1 (\w+)/.exec(text)?.[1])
    .filter(Boolean);
  assert.deepEqual(events, ['received', 'routed', 'attempt']);
  assert.match(stdout, /now in the queue: waiting/);
  const json = parseLines((await queue.queue('trace', '--json', id)).stdout) as readonly { readonly event: string }[];
  assert.deepEqual(
    json.map((one) => one.event),
    ['received', 'routed', 'attempt', 'in-queue'],
  );
});
