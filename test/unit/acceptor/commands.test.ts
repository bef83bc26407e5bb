/** MAIL and RCPT as values: what opens a transaction, what joins it, and what each refusal says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTransaction, type MailRules } from '../../../src/acceptor/mail-command.ts';
import { addRecipient } from '../../../src/acceptor/rcpt-command.ts';
import { RecipientPolicy, type RecipientRules } from '../../../src/acceptor/recipient-policy.ts';
import { asReplyError, REFUSALS, type Refusal } from '../../../src/acceptor/replies.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { messageLine, parseLine } from '../../../src/queue/record.ts';
import { envelopeOf, type Transaction } from '../../../src/acceptor/transaction.ts';

const RULES: MailRules = {
  messageSize: 1000,
  futureReleaseMs: 0,
  deliverByMs: 0,
  closed: () => undefined,
  tenantOf: () => 'default',
  judgeTenant: () => undefined,
};

function open(line: string, rules = RULES): Transaction {
  const opened = openTransaction(line, rules);
  assert.ok(!('code' in opened), line);
  return opened;
}

function refusedMail(line: string, rules = RULES): string {
  const opened = openTransaction(line, rules);
  assert.ok('code' in opened, line);
  return `${opened.code} ${opened.status}`;
}

/** As a client that may relay. */
function openTrusted(line: string): Transaction | Refusal {
  return openTransaction(line, { ...RULES, futureReleaseMs: 86_400_000, deliverByMs: 60_000 });
}

describe('a time of release', () => {
  const envelope = (line: string): ReturnType<typeof envelopeOf> => {
    const opened = openTrusted(line);
    assert.ok(!('code' in opened), line);
    return envelopeOf(opened, { via: 'smtp' }, 1000);
  };

  it('is counted from acceptance, or named, with any offset', () => {
    assert.equal(envelope('MAIL FROM:<a@b.test> HOLDFOR=60').notBefore, 61_000);
    const soon = new Date(Date.now() + 3_600_000);
    const iso = soon.toISOString();
    assert.equal(envelope(`MAIL FROM:<a@b.test> HOLDUNTIL=${iso}`).notBefore, soon.getTime());
    const east = new Date(soon.getTime() + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
    assert.equal(envelope(`MAIL FROM:<a@b.test> HOLDUNTIL=${east}`).notBefore, soon.getTime());
    assert.equal('notBefore' in envelope('MAIL FROM:<a@b.test>'), false);
  });

  it('is refused where it is wrong, too far away, or past', () => {
    const far = new Date(Date.now() + 2 * 86_400_000).toISOString();
    for (const wish of [
      'HOLDFOR',
      'HOLDFOR=',
      'HOLDFOR=0',
      'HOLDFOR=-5',
      'HOLDFOR=1e3',
      'HOLDFOR=86401',
      'HOLDFOR=9999999999',
      'HOLDUNTIL=tomorrow',
      'HOLDUNTIL=2030-02-30',
      'HOLDUNTIL=2030-13-01T00:00:00Z',
      'HOLDUNTIL=2001-01-01T00:00:00Z',
      `HOLDUNTIL=${far}`,
      'HOLDFOR=60 HOLDUNTIL=2030-01-01T00:00:00Z',
      'HOLDFOR=60 HOLDFOR=60',
    ]) {
      const opened = openTrusted(`MAIL FROM:<a@b.test> ${wish}`);
      assert.ok('code' in opened, wish);
      assert.equal(opened.code, 501, wish);
    }
  });

  it('is not offered to everybody', () => {
    assert.equal(refusedMail('MAIL FROM:<a@b.test> HOLDFOR=60'), '555 5.5.4');
  });
});

describe('a time for delivery', () => {
  const by = (wish: string): unknown => {
    const opened = openTrusted(`MAIL FROM:<a@b.test> ${wish}`);
    assert.ok(!('code' in opened), wish);
    return envelopeOf(opened, { via: 'smtp' }, 10_000_000).deliverBy;
  };

  it('is counted from acceptance, or from the time of release, and may be over in mode N', () => {
    assert.deepEqual(by('BY=60;R'), { at: 10_060_000, mode: 'R' });
    assert.deepEqual(by('by=+120;nt'), { at: 10_120_000, mode: 'N', trace: true });
    assert.deepEqual(by('BY=-60;N'), { at: 9_940_000, mode: 'N' });
    assert.deepEqual(by('BY=0;N'), { at: 10_000_000, mode: 'N' });
    assert.deepEqual(by('BY=60;R HOLDFOR=100'), { at: 10_160_000, mode: 'R' });
  });

  it('is refused where it is wrong, or too short for mode R', () => {
    for (const wish of [
      'BY',
      'BY=',
      'BY=60',
      'BY=60;X',
      'BY=R',
      'BY=1.5;R',
      'BY=9999999999;N',
      'BY=0;R',
      'BY=-5;R',
      'BY=59;R',
    ]) {
      const opened = openTrusted(`MAIL FROM:<a@b.test> ${wish}`);
      assert.ok('code' in opened, wish);
      assert.equal(opened.code, 501, wish);
    }
    assert.equal(refusedMail('MAIL FROM:<a@b.test> BY=60;R'), '555 5.5.4', 'who may not relay');
  });
});

describe('MAIL', () => {
  it('keeps its parameters', () => {
    const { sender, smtputf8, body, ret, envid } = open('MAIL FROM:<a@b.test> BODY=8bitmime RET=full ENVID=x SMTPUTF8');
    assert.deepEqual(
      { sender, smtputf8, body, ret, envid },
      {
        sender: 'a@b.test',
        smtputf8: true,
        body: '8BITMIME',
        ret: 'FULL',
        envid: 'x',
      },
    );
  });

  it('says what is wrong', () => {
    assert.equal(refusedMail('MAIL FROM <a@b.test>'), '501 5.5.4');
    assert.equal(refusedMail('MAIL FROM:<a@>'), '501 5.1.7');
    assert.equal(refusedMail('MAIL FROM:<"a>b"@b.test>'), '553 5.1.7');
    assert.equal(refusedMail('MAIL FROM:<ü@b.test>'), '553 5.6.7');
    assert.equal(refusedMail('MAIL FROM:<> SIZE=1001'), '552 5.3.4');
    assert.equal(refusedMail('MAIL FROM:<> BODY=BINARYMIME'), '501 5.5.4');
    assert.equal(refusedMail('MAIL FROM:<> ENVID='), '501 5.5.4');
    assert.equal(refusedMail(`MAIL FROM:<> ENVID=${'x'.repeat(101)}`), '501 5.5.4');
    assert.equal(refusedMail('MAIL FROM:<> REQUIRETLS'), '555 5.5.4');
  });

  it('is refused when the server takes nothing, after the syntax', () => {
    const closed: MailRules = { ...RULES, closed: () => REFUSALS.noRoom };
    assert.equal(refusedMail('MAIL FROM:<a@b.test>', closed), '452 4.3.1');
    assert.equal(refusedMail('MAIL FROM:<a@>', closed), '501 5.1.7');
  });
});

const PLACE: RecipientRules = {
  hostname: 'mx.test',
  domains: {
    local: ['local.test', 'mx.test', 'moved.test', 'gone.test', 'a.closed.test', 'late.test'],
    relay: ['relay.test', '.below.test', 'files.test'],
  },
  mailboxes: ['user', 'only@local.test'],
  routes: [
    { match: 'moved.test', via: 'lmtp:[inner.test]:24' },
    { match: 'special@gone.test', via: 'smtp:[inner.test]:25' },
    { match: 'left@relay.test', via: 'bounce:551 5.1.6 moved away' },
    { match: '.closed.test', via: 'bounce:no mail here' },
    { match: 'files.test', via: 'maildir' },
    { match: '*', via: 'smtp:[hub.test]:25' },
    { match: 'late.test', via: 'lmtp:[inner.test]:24' },
  ],
};
const ALIASES = new Set(['sales', 'info@mx.test']);

function judge(address: string, options: { readonly trusted?: boolean; readonly recipients?: number } = {}): string {
  const policy = new RecipientPolicy(PLACE, (name) => ALIASES.has(name));
  const transaction = open('MAIL FROM:<>');
  const { trusted = false, recipients = 10 } = options;
  const refused = addRecipient(`RCPT TO:<${address}>`, transaction, { policy, trusted, recipients, success: 'relay' });
  assert.equal(transaction.accepted, refused === undefined ? 1 : 0);
  return refused === undefined ? 'in' : `${refused.code} ${refused.status}`;
}

describe('RCPT', () => {
  for (const [address, expected] of [
    ['user@local.test', 'in'],
    ['USER+tag@local.test', 'in'],
    ['only@local.test', 'in'],
    ['only@mx.test', '550 5.1.1'],
    ['nobody@local.test', '550 5.1.1'],
    ['sales@local.test', 'in'],
    ['Sales+x@local.test', 'in'],
    ['sales+@local.test', '550 5.1.1'],
    ['user+@local.test', 'in'],
    ['info@mx.test', 'in'],
    ['info@local.test', '550 5.1.1'],
    ['postmaster', 'in'],
    ['postmaster@local.test', 'in'],
    ['anyone@moved.test', 'in'],
    ['anyone@late.test', 'in'],
    ['special@gone.test', 'in'],
    ['other@gone.test', '550 5.1.1'],
    ['sales@a.closed.test', 'in'],
    ['user@a.closed.test', '550 5.1.1'],
    ['user@files.test', 'in'],
    ['nobody@files.test', '550 5.1.1'],
    ['x@relay.test', 'in'],
    ['Left@relay.test', '551 5.1.6'],
    ['x@a.below.test', 'in'],
    ['x@below.test', '550 5.7.1'],
    ['x@elsewhere.test', '550 5.7.1'],
    ['postmaster@elsewhere.test', '550 5.7.1'],
    ['x%y@relay.test', '550 5.7.1'],
    ['x%y@moved.test', '550 5.7.1'],
    ['y!x@late.test', '550 5.7.1'],
    ['"x@y"@moved.test', '550 5.7.1'],
    ['x%y@local.test', '550 5.1.1'],
    ['"a>b"@moved.test', '553 5.1.3'],
    ['"a<b"@relay.test', '553 5.1.3'],
    ['y!x@relay.test', '550 5.7.1'],
    ['"x@y"@relay.test', '550 5.7.1'],
    ['constructor@local.test', '550 5.1.1'],
    ['', '501 5.1.3'],
    ['user@', '501 5.1.3'],
    ['ü@local.test', '553 5.6.7'],
  ] as const) {
    it(`<${address}> from a stranger: ${expected}`, () => assert.equal(judge(address), expected));
  }

  it('from a trusted client goes anywhere, but to nobody who does not exist', () => {
    assert.equal(judge('x@elsewhere.test', { trusted: true }), 'in');
    assert.equal(judge('x%y@elsewhere.test', { trusted: true }), 'in');
    assert.equal(judge('x%y@moved.test', { trusted: true }), 'in');
    assert.equal(judge('nobody@local.test', { trusted: true }), '550 5.1.1');
  });

  it('takes a recipient of a drill from anybody while that drill runs, and asks for no other', () => {
    const run = 'a1'.repeat(16);
    const asked: string[] = [];
    const policy = new RecipientPolicy(
      PLACE,
      () => false,
      (one) => (asked.push(one), one === run),
    );
    const judgeOne = (address: string, trusted = false): number | undefined =>
      addRecipient(`RCPT TO:<${address}>`, open('MAIL FROM:<>'), { policy, trusted, recipients: 10, success: 'relay' })
        ?.code;
    assert.equal(judgeOne(`${run}@drill.invalid`), undefined);
    assert.equal(judgeOne(`${'b2'.repeat(16)}@drill.invalid`), 550);
    assert.equal(judgeOne('bob@drill.invalid'), 550);
    assert.equal(judgeOne(`${run}@elsewhere.test`), 550);
    assert.equal(judgeOne('user@local.test'), undefined);
    assert.deepEqual(asked, [run, 'b2'.repeat(16)]);
  });

  it('takes each once, and not more than allowed', () => {
    const policy = new RecipientPolicy({ ...PLACE, mailboxes: '*' }, () => false);
    const rules = { policy, trusted: false, recipients: 2, success: 'relay' } as const;
    const transaction = open('MAIL FROM:<a@b.test>');
    const add = (name: string): Refusal | undefined => addRecipient(`RCPT TO:<${name}@local.test>`, transaction, rules);
    assert.equal(add('a'), undefined);
    assert.equal(add('b'), undefined);
    assert.equal(add('A'), undefined);
    assert.equal(add('c')?.code, 452);
    assert.equal(add('a'), undefined);
    assert.equal(add('A')?.code, 452, 'LMTP owes an answer for each');
    assert.equal(transaction.accepted, 4);
    const envelope = envelopeOf(transaction, { via: 'smtp' }, 1);
    assert.deepEqual(envelope.recipients, [{ address: 'a@local.test' }, { address: 'b@local.test' }]);
  });

  it('keeps the wish to hear of success of those whose it is to have', () => {
    const policy = new RecipientPolicy({ ...PLACE, mailboxes: '*' }, () => false);
    const notifyOf = (notify: string, trusted: boolean, success: 'relay' | 'anyone' | 'nobody'): string | undefined => {
      const transaction = open('MAIL FROM:<a@b.test>');
      const rules = { policy, trusted, recipients: 10, success };
      assert.equal(addRecipient(`RCPT TO:<x@local.test> NOTIFY=${notify}`, transaction, rules), undefined);
      return [...transaction.recipients.values()][0]?.dsn?.notify?.join();
    };
    assert.equal(notifyOf('SUCCESS,DELAY', true, 'relay'), 'SUCCESS,DELAY');
    assert.equal(notifyOf('SUCCESS,DELAY', false, 'relay'), 'DELAY');
    assert.equal(notifyOf('SUCCESS', false, 'relay'), 'NEVER', 'who asked for nothing else hears nothing');
    assert.equal(notifyOf('SUCCESS', false, 'anyone'), 'SUCCESS');
    assert.equal(notifyOf('SUCCESS,FAILURE', true, 'nobody'), 'FAILURE');
    assert.equal(notifyOf('NEVER', false, 'relay'), 'NEVER');
  });

  it('takes no more than the queue can read back, however many are allowed', () => {
    const policy = new RecipientPolicy({ ...PLACE, mailboxes: '*' }, () => false);
    const rules = { policy, trusted: false, recipients: 100_000, success: 'relay' } as const;
    const transaction = open('MAIL FROM:<a@b.test>');
    const add = (name: string, orcpt: string): Refusal | undefined =>
      addRecipient(`RCPT TO:<${name}@local.test> ORCPT=rfc822;${orcpt}`, transaction, rules);
    // A backslash is one byte on the wire, and two in the record.
    const longest = '\\'.repeat(493);
    let taken = 0;
    let refused: Refusal | undefined;
    for (; refused === undefined && taken < 10_000; taken += refused === undefined ? 1 : 0) {
      refused = add(`user${taken}`, longest);
    }
    assert.deepEqual([refused?.code, refused?.status], [452, '4.5.3']);
    assert.ok(taken > 1000, `${taken}`);
    assert.equal(transaction.recipients.size, taken);
    const envelope = envelopeOf(transaction, { via: 'smtp' }, 1);
    const id = createIdSource()();
    const line = messageLine({ id, length: 0, staged: false, envelope }, 0);
    assert.deepEqual(parseLine(line.subarray(0, -1)), { kind: 'message', id, length: 0, staged: false, envelope });

    assert.equal(add('user0', 'a'), undefined, 'named again with less');
    assert.equal(add('other', longest), undefined);
    assert.equal(add('user0', longest)?.code, 452, 'named again with more');
  });

  it('keeps DSN wishes, and refuses others', () => {
    const policy = new RecipientPolicy(PLACE, () => false);
    const transaction = open('MAIL FROM:<a@b.test>');
    const add = (parameters: string): string => {
      const line = `RCPT TO:<user@local.test> ${parameters}`;
      const refused = addRecipient(line, transaction, { policy, trusted: false, recipients: 10, success: 'anyone' });
      return refused === undefined ? 'in' : `${refused.code}`;
    };
    assert.equal(add('NOTIFY=success,success ORCPT=rfc822;a@b'), 'in');
    assert.deepEqual(transaction.recipients.get('user@local.test')?.dsn, { notify: ['SUCCESS'], orcpt: 'rfc822;a@b' });
    assert.equal(add('NOTIFY=NEVER'), 'in');
    for (const bad of [
      'NOTIFY',
      'NOTIFY=',
      'NOTIFY=NEVER,DELAY',
      'NOTIFY=X',
      'ORCPT=a',
      'ORCPT=;a',
      'NOTIFY=NEVER NOTIFY=NEVER',
    ]) {
      assert.equal(add(bad), '501', bad);
    }
    assert.equal(add('BODY=7BIT'), '555');
  });
});

it('a refusal becomes an error that smtp-server understands', () => {
  const error = asReplyError(REFUSALS.nul);
  assert.equal(error.responseCode, 554);
  assert.match(error.message, /^5\.6\.0 /);
});
