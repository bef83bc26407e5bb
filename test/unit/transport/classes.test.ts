import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLY_CLASSES } from '../../../src/mail/reply-class.ts';
import { classGiver, classified } from '../../../src/transport/classes.ts';
import { connectionTrouble, parseReply, protocolError, reply } from '../../../src/transport/replies.ts';
import { REAL_REPLIES } from './real-replies.ts';

const giveClass = classGiver([]);

function classOf(raw: string, rules: Parameters<typeof classGiver>[0] = []): string | undefined {
  const parsed = parseReply(raw.replaceAll('\n', '\r\n'), 'mx.example.org [192.0.2.1]:25');
  assert.ok(parsed);
  return classGiver(rules)(parsed).class;
}

describe('what real servers say is understood', () => {
  const all = Object.values(REAL_REPLIES).flat();
  it('by many texts, for every class that servers have words for', () => {
    assert.ok(all.length >= 80, `${all.length}`);
    const known = new Set<string>(all.map(([kind]) => kind));
    const missing = REPLY_CLASSES.filter((kind) => !known.has(kind));
    assert.deepEqual(missing, ['connection'], 'who does not answer has no words');
  });
  for (const [who, replies] of Object.entries(REAL_REPLIES)) {
    it(`of ${who}`, () => {
      assert.deepEqual(
        replies.map(([, text]) => [classOf(text), text]),
        replies.map(([kind, text]) => [kind, text]),
      );
    });
  }
});

describe('our own words are understood', () => {
  const cases = [
    ['connection', connectionTrouble(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))],
    ['connection', connectionTrouble(new Error('no session after 300000 ms'))],
    ['protocol', protocolError('more replies than commands')],
    ['blocked', protocolError('554 5.7.1 you are listed at zen.spamhaus.org')],
    ['dns', reply({ code: 550, status: '5.1.2', text: 'domain x.test does not exist' })],
    ['dns', reply({ code: 451, status: '4.4.3', text: 'the domain cannot be looked up now' })],
    ['dns', reply({ code: 556, status: '5.1.10', text: 'the domain takes no mail' })],
    ['mailbox-full', reply({ code: 452, status: '4.2.2', text: 'mailbox is over its quota' })],
    ['system', reply({ code: 452, status: '4.3.1', text: 'no space left for the mailbox' })],
    ['loop', reply({ code: 550, status: '5.4.6', text: 'The aliases of this address lead back to themselves' })],
    ['unknown-user', reply({ code: 550, status: '5.1.1', text: 'No such mailbox here; check the address' })],
    [
      'size',
      reply({ code: 552, status: '5.3.4', text: 'message of 9 bytes is larger than the 8 that the next hop takes' }),
    ],
  ] as const;
  for (const [kind, answer] of cases) it(`${kind}: ${answer.text}`, () => assert.equal(giveClass(answer).class, kind));
});

describe('words that are like others', () => {
  const cases = [
    ['blocked', '554 5.7.1 192.0.2.1 has been blocked by Spamhaus'],
    ['blocked', '554 5.7.1 as it was found in the list of SpamCop'],
    ['blocked', '550 5.7.1 Rejected, as your host is listed at Spamhaus'],
    ['blocked', '554 Rejected: 192.0.2.1 listed at b.barracudacentral.org'],
    ['spam', '550 5.7.1 Message identified as likely spam'],
    ['spam', '554 5.7.1 Rejected as suspected spam'],
    ['unknown-user', '550 User unknown; forwarding for this domain is disabled'],
    ['unknown-user', '550 5.1.1 No such user; to verify, ask for an account. VRFY is disabled'],
    ['inactive-user', '550 5.2.1 User bob is disabled'],
    ['inactive-user', '550 The account <bob@example.org> locked'],
    ['inactive-user', '550 5.7.1 The account bob has been locked'],
    ['inactive-user', '450 4.2.1 The mailbox of bob@example.org was temporarily disabled'],
    ['rate-limited', '450 4.7.0 You have exceeded your hourly message quota'],
    ['policy', '550 5.7.1 You exceeded what our policy grants without a quota'],
    ['mailbox-full', '550 The user has exceeded his mail quota'],
    ['auth', '550 5.7.23 Rejected for policy reasons'],
    ['auth', '550 5.7.1 Your host violates the SPF policy of this domain'],
    ['rate-limited', '450 4.7.28 Rejected for policy reasons'],
    ['unknown-user', '550 5.1.1 Access denied'],
    ['mailbox-full', '452 4.2.2 Restricted for now'],
    ['policy', '550 5.7.1 Rejected for policy reasons'],
  ] as const;
  for (const [kind, said] of cases) it(`mean ${kind}: ${said}`, () => assert.equal(classOf(said), kind));
});

describe('an address in an answer', () => {
  const cases = [
    [
      'unknown-user',
      '550 5.1.1 <virus@example.org>: Recipient address rejected: User unknown in local recipient table',
    ],
    ['unknown-user', '550 5.1.1 <rdns@x.example> User unknown'],
    ['unknown-user', "550 5.1.1 User doesn't exist: policy@x.example"],
    ['unknown-user', '550 (info@virusfree.example) no such user'],
    ['unknown-user', '550 no such user: "greylist@x.example", try spam@dkim.example'],
    ['inactive-user', '550 account spam@x.example is disabled'],
    ['virus', '550 5.7.1 <bob@example.org>: virus found'],
    ['virus', '550 @@ virus @'],
  ] as const;
  for (const [kind, said] of cases) it(`says nothing: ${said}`, () => assert.equal(classOf(said), kind));

  it('is a lone @ for the rules of an operator', () => {
    const said = '550 5.1.1 Bob@Example.org is away';
    assert.equal(classOf(said, [{ class: 'inactive-user', text: ['example.org'] }]), 'unknown-user');
    assert.equal(classOf(said, [{ class: 'inactive-user', text: ['@ is away'] }]), 'inactive-user');
  });
});

describe('rules of an operator', () => {
  const said = '550 5.7.1 Local Policy: mailbox of Bob is on   holiday';
  it('come before those that are shipped', () => {
    assert.equal(classOf(said), 'policy');
    assert.equal(classOf(said, [{ class: 'inactive-user', text: ['mailbox * on holiday'] }]), 'inactive-user');
  });
  it('are tried in order, and all that a rule says has to fit', () => {
    const spam = { class: 'spam', text: ['holiday'] } as const;
    assert.equal(classOf(said, [{ ...spam, code: ['450'] }]), 'policy');
    assert.equal(classOf(said, [{ ...spam, code: ['450', '5x0'] }]), 'spam');
    assert.equal(classOf(said, [{ ...spam, status: ['4.*.*'] }]), 'policy');
    assert.equal(classOf(said, [{ ...spam, status: ['*.7.1'] }]), 'spam');
    assert.equal(classOf(said, [{ ...spam, text: ['bob * policy'] }]), 'policy', 'words in another order');
    assert.equal(classOf(said, [{ class: 'size', code: ['550'] }, spam]), 'size');
  });
  it('take characters as they are, whatever they mean to others', () => {
    assert.equal(classOf('554 (a+)+$ [x]', [{ class: 'size', text: ['(A+)+$ ['] }]), 'size');
    assert.equal(classOf('554 aaaaa', [{ class: 'size', text: ['(a+)+$'] }]), 'other');
  });
});

describe('a result', () => {
  const delivered = {
    state: 'delivered',
    recipients: ['a@b.test'],
    reply: reply({ code: 250, status: '2.0.0', text: 'ok' }),
  } as const;
  it('of nothing but deliveries stays what it is', () => {
    const result = { verdicts: [delivered] };
    assert.equal(classified(result, giveClass), result);
  });
  it('has a class for what failed, and for the trouble of the whole next hop', () => {
    const refused = reply({ code: 451, status: '4.4.1', text: 'refused' });
    const verdicts = [delivered, { state: 'deferred', recipients: ['c@b.test'], reply: refused } as const];
    const result = classified({ verdicts, trouble: refused }, giveClass);
    assert.deepEqual(
      result.verdicts.map((verdict) => verdict.reply.class),
      [undefined, 'connection'],
    );
    assert.equal(result.trouble?.class, 'connection');
  });
  it('keeps a class that it has', () => {
    assert.equal(giveClass({ code: 550, status: '5.1.1', text: 'user unknown', class: 'spam' }).class, 'spam');
  });
});
