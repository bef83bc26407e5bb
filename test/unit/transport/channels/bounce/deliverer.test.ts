import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HandedOn } from '../../../../../src/ipc/hand-on.ts';
import type { Job } from '../../../../../src/ipc/messages.ts';
import type { Envelope } from '../../../../../src/mail/envelope.ts';
import type { Reply } from '../../../../../src/mail/outcome.ts';
import { StorageFull, type Draft, type Handle, type QueueId } from '../../../../../src/queue/store.ts';
import { BounceDeliverer } from '../../../../../src/transport/channels/bounce/deliverer.ts';
import { doubleAddress } from '../../../../../src/transport/channels/bounce/readers.ts';
import type { DeliveryResult } from '../../../../../src/transport/deliverer.ts';
import { classGiver } from '../../../../../src/transport/classes.ts';
import { ID, keepingLogger, makeJob, makeMessage } from '../../support.ts';

const CONTENT = 'Subject: secret plan\r\nMessage-ID: <orig@test.example>\r\n\r\nthe body\r\n';
const REPORT = '01m5reportreportrep' as QueueId;
const UNKNOWN: Reply = { code: 550, status: '5.1.1', text: 'no such user', remote: 'mx.b.test [192.0.2.1]:25' };
const DAY = 86_400_000;

interface Options {
  readonly content?: string | Buffer;
  readonly envelope?: Partial<Envelope>;
  readonly job?: Partial<Job>;
  readonly to?: readonly string[];
  readonly commitError?: Error;
  readonly inMemory?: boolean;
  readonly returnSize?: number;
  readonly double?: string;
}

/** What came of one job: the verdicts, the report that was committed, what was handed on. */
async function report(options: Options = {}) {
  const { content = CONTENT, envelope = {}, to = ['a@b.test'], commitError } = options;
  const commits: { envelope: Envelope; text: string; bytes: Buffer }[] = [];
  const sent: HandedOn[] = [];
  const chunks: Uint8Array[] = [];
  const draft = {
    id: REPORT,
    write: (chunk: Uint8Array) => void chunks.push(chunk),
    async commit(committed: Envelope) {
      if (commitError) throw commitError;
      const bytes = Buffer.concat(chunks);
      commits.push({ envelope: committed, text: bytes.toString(), bytes });
      return 'handle' as Handle;
    },
  } as unknown as Draft;
  const log = keepingLogger();
  const unsent = new Set<string>();
  const deliverer = new BounceDeliverer({
    store: { nextId: () => REPORT, draft: () => draft },
    handOn: { outstanding: 0, send: async (frame) => void sent.push(frame) },
    log,
    unsent,
    hostname: 'mx.mailfarm.test',
    lifetime: 5 * DAY,
    returnSize: options.returnSize ?? 50_000,
    double: options.double,
    giveClass: classGiver([]),
  });
  const job = makeJob(to, { failures: [{ to, reply: UNKNOWN }], ...options.job });
  const result: DeliveryResult = await deliverer.deliver(job, makeMessage(content, envelope, options.inMemory));
  const before = sent.length;
  await result.whenDurable?.();
  return { result, commits, sent, before, log, text: commits[0]?.text ?? '' };
}

/** Header and parts of a multipart message, as a simple reader sees them. */
function takeApart(text: string): { readonly header: string; readonly parts: string[] } {
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? '';
  const [header = '', ...parts] = text.split(`\r\n--${boundary}`);
  assert.equal(parts.pop(), '--\r\n');
  return { header, parts };
}

describe('a report of failure', () => {
  it('goes from nobody to the sender, and settles what it reports', async () => {
    const { result, commits, sent, before } = await report({ to: ['a@b.test', 'c@b.test'] });
    assert.equal(result.verdicts.length, 1);
    assert.equal(result.verdicts[0]?.state, 'bounced');
    assert.equal(result.verdicts[0]?.report, REPORT);
    const { received, ...envelope } = commits[0]?.envelope ?? ({} as Envelope);
    assert.ok(received > 0);
    assert.deepEqual(envelope, {
      sender: '',
      recipients: [{ address: 'sender@test.example' }],
      tenant: 'default',
      origin: { via: 'bounce' },
      settles: { id: ID, recipients: ['a@b.test', 'c@b.test'] },
    });
    assert.equal(before, 0);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.handle, 'handle');
  });

  it('is a multipart/report with three parts', async () => {
    const { text } = await report({
      envelope: { envid: 'env-1', recipients: [{ address: 'a@b.test', dsn: { orcpt: 'rfc822;orig@b.test' } }] },
    });
    const { header, parts } = takeApart(text);
    assert.match(header, /^From: Mail Delivery System <MAILER-DAEMON@mx\.mailfarm\.test>\r$/m);
    assert.match(header, /^To: <sender@test\.example>\r$/m);
    assert.match(header, /^Auto-Submitted: auto-replied\r$/m);
    assert.match(header, /^Subject: Undelivered mail/m);
    assert.match(header, /^Message-ID: <01m5reportreportrep@mx\.mailfarm\.test>\r$/m);
    assert.match(header, /^References: <orig@test\.example>\r$/m);
    assert.match(header, /^Content-Type: multipart\/report; report-type=delivery-status;\r$/m);
    assert.equal(parts.length, 3);
    assert.match(parts[0] ?? '', /<a@b\.test>/);
    assert.match(parts[0] ?? '', /The address does not exist/);
    assert.match(parts[0] ?? '', /no such\s+user/);
    const status = parts[1] ?? '';
    for (const line of [
      'Content-Type: message/delivery-status',
      'Original-Envelope-Id: env-1',
      'Reporting-MTA: dns; mx.mailfarm.test',
      'Original-Recipient: rfc822; orig@b.test',
      'Final-Recipient: rfc822; a@b.test',
      'Action: failed',
      'Status: 5.1.1',
      'Diagnostic-Code: smtp; 550 5.1.1 no such user',
      'Remote-MTA: dns; mx.b.test',
    ]) {
      assert.ok(status.includes(`\r\n${line}\r\n`), line);
    }
    assert.ok(parts[2]?.includes('Content-Type: message/rfc822\r\n'));
    assert.ok(parts[2]?.includes(CONTENT));
  });

  it('names no path of this machine', async () => {
    const path = '/run/dovecot/lmtp';
    const answer: Reply = { code: 554, status: '5.2.0', text: `connect ENOENT ${path}`, remote: `unix:${path}` };
    const { text, result } = await report({ job: { failures: [{ to: ['a@b.test'], reply: answer }] } });
    assert.doesNotMatch(text, /dovecot|unix:|Remote-MTA/);
    assert.match(text, /the local mail store said: 554 5\.2\.0 connect\s+ENOENT/);
    assert.match(text, /^Diagnostic-Code: smtp; 554 5\.2\.0 connect ENOENT/m);
    assert.equal(result.verdicts[0]?.reply.text, answer.text, 'the log and the queue keep it');
    assert.equal(result.verdicts[0]?.reply.remote, answer.remote);
  });

  it('gives each recipient its own answer', async () => {
    const other: Reply = { code: 552, status: '5.2.2', text: 'full' };
    const failures = [
      { to: ['a@b.test'], reply: UNKNOWN },
      { to: ['c@b.test'], reply: other },
    ];
    const { text, result } = await report({ to: ['a@b.test', 'c@b.test', 'd@b.test'], job: { failures } });
    assert.equal(result.verdicts.length, 3);
    assert.match(text, /Final-Recipient: rfc822; c@b\.test\r\nAction: failed\r\nStatus: 5\.2\.2\r\n/);
    assert.match(text, /The mailbox is full/);
    assert.match(text, /<d@b\.test>\r\n    It was given up here; /);
    assert.match(text, /Final-Recipient: rfc822; d@b\.test\r\nAction: failed\r\nStatus: 5\.0\.0\r\n/);
  });

  it('lets no reply, address or identifier make fields of its own', async () => {
    const evil: Reply = {
      code: 550,
      status: '5.1.1',
      text: 'x\r\nX-Evil: 1\r\n\r\n--boundary',
      remote: 'mx\r\nX-Evil: 2 [192.0.2.1]:25',
    };
    const envelope = {
      envid: 'e\r\nX-Evil: 3',
      recipients: [{ address: 'a@b.test', dsn: { orcpt: 'rfc822;a\r\nX-Evil: 4' } }],
    };
    const { text } = await report({ envelope, job: { failures: [{ to: ['a@b.test'], reply: evil }] } });
    assert.doesNotMatch(text, /^X-Evil/m);
    assert.equal(takeApart(text).parts.length, 3);
  });

  it('gives back the header alone of a large message, and where the sender asked so', async () => {
    const large = `Subject: large\r\n\r\n${'line\r\n'.repeat(20_000)}`;
    for (const options of [
      { content: large },
      { content: large, inMemory: false },
      { envelope: { ret: 'HDRS' } } as const,
    ]) {
      const { text } = await report(options);
      const part = takeApart(text).parts[2] ?? '';
      assert.match(part, /Content-Type: text\/rfc822-headers/);
      assert.match(part, /Subject: /);
      assert.doesNotMatch(part, /^line|the body/m);
      assert.ok(text.length < 10_000);
    }
  });

  it('gives back a message as large as it may be, and says so of a larger one', async () => {
    const content = `Subject: large\r\n\r\n${'line\r\n'.repeat(20_000)}`;
    for (const inMemory of [true, false]) {
      const whole = await report({ content, inMemory, returnSize: content.length });
      assert.ok(takeApart(whole.text).parts[2]?.includes(content));
      assert.match(whole.text, /your message, or its header, are\s+attached/);
      const cut = await report({ content, inMemory, returnSize: content.length - 1 });
      assert.match(takeApart(cut.text).parts[2] ?? '', /Content-Type: text\/rfc822-headers/);
      assert.match(cut.text, /larger\s+than\s+the\s+120017\s+bytes\s+that\s+come\s+back\s+at\s+most/);
    }
    const asked = await report({ content, envelope: { ret: 'HDRS' }, returnSize: 10 });
    assert.doesNotMatch(asked.text, /come\s+back/, 'the sender wants no more than that');
  });

  it('explains the first recipients of many, and names all of them for programs', async () => {
    const to = Array.from({ length: 120 }, (_, n) => `user${n}@b.test`);
    const { text, result } = await report({ to });
    const [people = '', programs = ''] = takeApart(text).parts;
    assert.equal(people.match(/<user\d+@b\.test>/g)?.length, 50);
    assert.match(people, /And 70 more:/);
    assert.equal(programs.match(/^Final-Recipient: /gm)?.length, 120);
    assert.equal(result.verdicts[0]?.recipients.length, 120);
  });

  it('says what the words of the next hop mean, whatever its code', async () => {
    const answer: Reply = {
      code: 550,
      status: '5.0.0',
      text: 'Sorry, the inbox is full',
      remote: 'mx.test [192.0.2.1]:25',
    };
    const { text, result } = await report({ job: { failures: [{ to: ['a@b.test'], reply: answer }] } });
    assert.match(text, /The mailbox is full\. Tell the recipient/);
    assert.equal(result.verdicts[0]?.reply.class, 'mailbox-full');
  });

  it('cuts a header that is too long at the end of a line', async () => {
    const { text } = await report({ content: 'X-Long: y\r\n'.repeat(20_000) });
    const part = takeApart(text).parts[2] ?? '';
    assert.ok(part.length < 51_000);
    assert.match(part, /X-Long: y\r\n$/);
  });

  it('settles the line ends of what it gives back', async () => {
    const { text } = await report({ content: 'Subject: x\r\n\r\na\n.\nb\r.\rc\0\r\n' });
    assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0/);
  });

  it('says when it has bytes above 127, and when it needs SMTPUTF8', async () => {
    const eight = await report({ content: Buffer.from('Subject: x\r\n\r\n\xe9\r\n', 'latin1') });
    assert.equal(eight.commits[0]?.envelope.body, '8BITMIME');
    assert.match(eight.text, /message\/rfc822\r\nContent-Transfer-Encoding: 8bit/);
    assert.ok(eight.commits[0]?.bytes.includes(Buffer.of(0xe9, 13, 10)));
    const utf8 = await report({ envelope: { sender: 'jürgen@test.example' } });
    assert.equal(utf8.commits[0]?.envelope.smtputf8, true);
  });
});

describe('a report about a report that failed', () => {
  const late = { sender: '', origin: { via: 'bounce' }, recipients: [{ address: 'a@b.test' }] } as const;
  const settles = { id: '01m5aboutaboutabout', recipients: ['z@b.test'] } as const;
  const envelope = { ...late, settles };
  const double = 'postmaster@mx.mailfarm.test';

  it('goes to the postmaster, marked, and settles what it reports', async () => {
    const { commits, text, result, sent } = await report({ envelope, double });
    const { received: _, ...committed } = commits[0]?.envelope ?? ({} as Envelope);
    assert.deepEqual(committed, {
      sender: '',
      recipients: [{ address: double }],
      tenant: 'default',
      origin: { via: 'bounce' },
      double: true,
      settles: { id: ID, recipients: ['a@b.test'] },
    });
    assert.equal(result.verdicts[0]?.state, 'bounced');
    assert.equal(sent.length, 1);
    assert.match(text, /^To: <postmaster@mx\.mailfarm\.test>\r$/m);
    assert.match(text, /^Subject: Undelivered report: /m);
    assert.match(text, /Final-Recipient: rfc822; a@b\.test\r\nAction: failed\r\n/);
    assert.match(text, /You\s+get\s+it\s+as\s+the\s+postmaster/);
    assert.ok(takeApart(text).parts[2]?.includes(CONTENT));
  });

  it('is dropped when it fails itself, with a line in the log', async () => {
    const { commits, result, log } = await report({ envelope: { ...envelope, double: true }, double });
    assert.equal(commits.length, 0);
    assert.equal(result.verdicts[0]?.state, 'dropped');
    assert.deepEqual(
      log.lines.map(({ event }) => event),
      ['report-lost'],
    );
  });

  it('is not made where nobody wants it, nor of mail from <> that is no report of ours', async () => {
    const unwanted = await report({ envelope });
    assert.equal(unwanted.commits.length, 0);
    assert.deepEqual(
      unwanted.log.lines.map(({ event }) => event),
      ['report-lost'],
    );
    const foreign = await report({ envelope: { ...envelope, origin: { via: 'smtp' } }, double });
    assert.deepEqual([foreign.commits.length, foreign.log.lines.length], [0, 0]);
    assert.equal(foreign.result.verdicts[0]?.state, 'dropped');
  });

  it('is not made where that told of no failure', async () => {
    for (const other of [
      late,
      ...(['delivered', 'expanded'] as const).map((as) => ({ ...late, settles: { ...settles, as } })),
    ]) {
      const { commits, result, log } = await report({ envelope: other, double });
      assert.deepEqual([commits.length, result.verdicts[0]?.state], [0, 'dropped']);
      assert.deepEqual(
        log.lines.map(({ event, fields }) => [event, fields?.['why']]),
        [['report-lost', 'it told of no failure, but of a delay or a success']],
      );
    }
  });

  it('is made of what this channel itself says of failures, and not of its warnings', async () => {
    for (const [kind, doubles] of [
      ['failed', 1],
      ['delayed', 0],
      ['delivered', 0],
      ['expanded', 0],
    ] as const) {
      const recipients = [{ address: 'a@b.test', dsn: { notify: ['SUCCESS', 'FAILURE', 'DELAY'] as const } }];
      const first = await report({ envelope: { recipients }, job: { kind } });
      const made = first.commits[0]?.envelope;
      assert.ok(made, kind);
      const second = await report({ envelope: made, double });
      assert.equal(second.commits.length, doubles, kind);
    }
  });

  it('is no warning: nobody needs to know that a report is late', async () => {
    const { commits, log } = await report({ envelope, double, job: { kind: 'delayed' } });
    assert.deepEqual([commits.length, log.lines.length], [0, 0]);
  });

  it('finds its postmaster in a domain that is ours', () => {
    const local = ['localhost', 'mx.test'];
    assert.equal(doubleAddress('postmaster', 'mx.test', local), 'postmaster@mx.test');
    assert.equal(doubleAddress('postmaster', 'elsewhere.test', local), 'postmaster@localhost');
    assert.equal(doubleAddress('postmaster', 'mx.test', []), undefined);
    assert.equal(doubleAddress('drop', 'mx.test', local), undefined);
    assert.equal(doubleAddress('ops@far.test', 'mx.test', local), 'ops@far.test');
  });
});

describe('no report is made', () => {
  it('of a report', async () => {
    const { result, commits, sent } = await report({ envelope: { sender: '' } });
    assert.equal(result.verdicts[0]?.state, 'dropped');
    assert.deepEqual([commits.length, sent.length], [0, 0]);
  });

  it('to a sender who wants none', async () => {
    for (const notify of [['NEVER'], ['SUCCESS', 'DELAY']]) {
      const { result, commits } = await report({
        envelope: { recipients: [{ address: 'a@b.test', dsn: { notify } }] },
      });
      assert.equal(result.verdicts[0]?.state, 'dropped');
      assert.equal(commits.length, 0);
    }
  });

  it('of those recipients alone about which the sender wants none', async () => {
    const recipients = [
      { address: 'a@b.test', dsn: { notify: ['NEVER'] } },
      { address: 'c@b.test', dsn: { notify: ['FAILURE'] } },
    ];
    const { result, commits, text } = await report({ to: ['a@b.test', 'c@b.test'], envelope: { recipients } });
    assert.deepEqual(
      result.verdicts.map(({ state, recipients: of }) => [state, of]),
      [
        ['dropped', ['a@b.test']],
        ['bounced', ['c@b.test']],
      ],
    );
    assert.deepEqual(commits[0]?.envelope.settles?.recipients, ['c@b.test']);
    assert.doesNotMatch(text, /a@b\.test/);
  });

  it('of recipients that an alias put in, where the sender wants none about any', async () => {
    const list = (notify?: string[]) => ({ address: 'list@test.example', ...(notify && { dsn: { notify } }) });
    const never = { recipients: [list(['NEVER'])] };
    assert.equal((await report({ envelope: never })).result.verdicts[0]?.state, 'dropped');
    const some = { recipients: [{ address: 'x@b.test', dsn: { notify: ['NEVER'] } }, list()] };
    assert.equal((await report({ envelope: some })).result.verdicts[0]?.state, 'bounced');
  });

  it('while the queue has no room: the failure waits, and keeps its reason', async () => {
    const { result, log } = await report({ commitError: new StorageFull('full') });
    assert.equal(result.verdicts[0]?.state, 'deferred');
    assert.deepEqual(result.verdicts[0]?.reply, { ...UNKNOWN, class: 'unknown-user' });
    assert.equal(result.trouble?.status, '4.3.1');
    assert.ok(log.lines.some(({ event }) => event === 'unreported'));
  });
});

describe('good news', () => {
  const ok: Reply = { code: 250, status: '2.1.5', text: 'taken', remote: 'mx.b.test [192.0.2.1]:25' };
  const wants = (address: string, notify?: string[]) => ({ address, ...(notify && { dsn: { notify } }) });
  const recipients = [wants('a@b.test', ['SUCCESS']), wants('c@b.test', ['FAILURE']), wants('d@b.test')];
  const to = recipients.map(({ address }) => address);
  const job = { kind: 'relayed', failures: [{ to, reply: ok }] } as const;

  it('is told of those alone of whom the sender wants to hear; all are done', async () => {
    const { result, commits, text } = await report({ to, job, envelope: { recipients, ret: 'FULL' } });
    assert.deepEqual(
      result.verdicts.map(({ state, recipients: of, report: made }) => [state, of, made]),
      [
        ['delivered', ['c@b.test', 'd@b.test'], undefined],
        ['delivered', ['a@b.test'], REPORT],
      ],
    );
    assert.deepEqual(commits[0]?.envelope.settles, { id: ID, recipients: ['a@b.test'], as: 'delivered' });
    assert.match(text, /^Subject: Relayed mail/m);
    assert.match(text, /Final-Recipient: rfc822; a@b\.test\r\nAction: relayed\r\nStatus: 2\.1\.5\r\n/);
    assert.doesNotMatch(text, /[cd]@b\.test|the body/);
    assert.equal(result.verdicts[0]?.reply.class, undefined);
  });

  it('of a list ends it as expanded, and names nobody on it', async () => {
    const words = { code: 250, status: '2.0.0', text: 'went on' };
    const kind = { kind: 'expanded', failures: [{ to: ['a@b.test'], reply: words }] } as const;
    const { result, commits, text } = await report({ job: kind, envelope: { recipients } });
    assert.equal(result.verdicts[0]?.state, 'expanded');
    assert.equal(commits[0]?.envelope.settles?.as, 'expanded');
    assert.match(text, /Action: expanded\r\nStatus: 2\.0\.0\r\nLast-Attempt-Date/);
  });

  it('is for nobody where mail came from nobody', async () => {
    const { result, commits } = await report({ to, job, envelope: { recipients, sender: '' } });
    assert.deepEqual([result.verdicts[0]?.state, commits.length], ['delivered', 0]);
  });

  it('that cannot be stored stays owed', async () => {
    const one = { kind: 'delivered', failures: [{ to: ['a@b.test'], reply: ok }] } as const;
    const { result } = await report({ job: one, envelope: { recipients }, commitError: new StorageFull('full') });
    assert.deepEqual(result.verdicts, []);
    assert.equal(result.trouble?.status, '4.3.1');
  });
});

describe('a warning', () => {
  const job = {
    kind: 'delayed',
    failures: [{ to: ['a@b.test'], reply: { code: 451, status: '4.4.1', text: 'refused' } }],
  } as const;

  it('says how long it is tried, and settles nothing', async () => {
    const { result, commits, text, sent } = await report({ job });
    assert.equal(result.verdicts[0]?.state, 'warned');
    assert.equal(commits[0]?.envelope.settles, undefined);
    assert.equal(sent.length, 1);
    assert.match(text, /^Subject: Delayed mail/m);
    assert.match(text, /Action: delayed\r\n/);
    assert.match(text, /Will-Retry-Until: Fri, 27 Nov 2026 09:00:00 \+0000/);
    assert.match(text, /You need not send\s+it again/);
    assert.match(text, /text\/rfc822-headers/);
  });

  it('is given for a time that the sender named (RFC 2852) also without DELAY, but not with NEVER', async () => {
    const deliverBy = { at: Date.UTC(2026, 10, 22, 10), mode: 'N' } as const;
    const wishes = (notify: readonly string[]) => ({
      deliverBy,
      recipients: [{ address: 'a@b.test', dsn: { notify } }],
    });
    assert.equal((await report({ job, envelope: wishes(['FAILURE']) })).commits.length, 1);
    assert.equal((await report({ job, envelope: wishes(['NEVER']) })).commits.length, 0);
  });

  it('says how long it is tried from the time of release on', async () => {
    const { text } = await report({ job, envelope: { notBefore: Date.UTC(2026, 10, 24, 9) } });
    assert.match(text, /Will-Retry-Until: Sun, 29 Nov 2026 09:00:00 \+0000/);
  });

  it('counts as given where nobody wants one', async () => {
    for (const envelope of [{ sender: '' }, { recipients: [{ address: 'a@b.test', dsn: { notify: ['FAILURE'] } }] }]) {
      const { result, commits } = await report({ job, envelope });
      assert.equal(result.verdicts[0]?.state, 'warned');
      assert.equal(commits.length, 0);
    }
  });

  it('that cannot be stored leaves the recipients as they are', async () => {
    const { result } = await report({ job, commitError: new Error('EIO') });
    assert.deepEqual(result.verdicts, []);
    assert.equal(result.trouble?.status, '4.3.0');
  });
});
