/** What is refused for now is tried again; what is refused for good, or for too long, is told to the sender, and to nobody else. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { readMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';
import { findFreePorts } from '../support/free-ports.ts';

function settings(port: number, ...more: readonly string[]): string[] {
  return [`routes=[{match: far.example, via: "smtp:[127.0.0.1]:${port}"}]`, 'domains.local=[localhost]', ...more];
}

/** Mail to the sender, when there is some. */
function mailTo(farm: Farm, user = 'anna'): string[] {
  return readMaildir(join(farm.var, 'mail', 'localhost', user)).map((one) =>
    one.content.toString().replaceAll('\r\n', '\n'),
  );
}

function waitForMail(farm: Farm, fits: (text: string) => boolean = () => true): Promise<string> {
  return waitFor(() => mailTo(farm).find(fits), { what: () => `mail to the sender\n${farm.tail()}` });
}

describe('retries', () => {
  it('go on until the next hop takes the message', async () => {
    let refusals = 0;
    await using sink = await startSink({ onData: () => ((refusals += 1) <= 2 ? '451 4.3.2 later' : undefined) });
    await using farm = await startFarm({ set: settings(sink.port, 'retry.times=[1s]') });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example'] });
    await waitFor(() => sink.ledger.length === 1, { what: () => `delivery\n${farm.tail()}` });
    await farm.drained();
    const attempts = (): LogLine[] => farm.logLines().filter((line) => line.event === 'attempt');
    await waitFor(() => attempts().length >= 3, { what: () => `three attempts in the log\n${farm.tail()}` });
    assert.deepEqual(
      attempts().map((line) => line['state']),
      ['deferred', 'deferred', 'delivered'],
    );
    assert.deepEqual(mailTo(farm), []);
  });

  it('concern only the recipients that were refused', async () => {
    const asked = new Map<string, number>();
    await using sink = await startSink({
      onRcpt: (to) => {
        asked.set(to, (asked.get(to) ?? 0) + 1);
        return to.startsWith('busy') && asked.get(to) === 1 ? '450 4.2.1 busy' : undefined;
      },
    });
    await using farm = await startFarm({ set: settings(sink.port, 'retry.times=[1s]') });
    await sendMail({ port: farm.port, to: ['one@far.example', 'busy@far.example', 'two@far.example'] });
    await farm.drained();
    assert.deepEqual(
      sink.ledger.map((one) => one.to),
      [['one@far.example', 'two@far.example'], ['busy@far.example']],
    );
    assert.equal(asked.get('one@far.example'), 1);
  });

  it('go on when the next hop comes back', async () => {
    const [port = 0] = await findFreePorts(1);
    await using farm = await startFarm({ set: settings(port, 'retry.times=[1s]') });
    await sendMail({ port: farm.port, to: ['bob@far.example'], count: 5 });
    await farm.waitForLog((line) => line.event === 'attempt' && line['state'] === 'deferred');
    await using sink = await startSink({ port });
    await waitFor(() => sink.ledger.length === 5, { what: () => `delivery\n${farm.tail()}` });
    await farm.drained();
  });
});

describe('what an answer means', () => {
  it('is in the log and in the queue, by the rules of the operator too', async () => {
    await using sink = await startSink({
      onRcpt: (to) => (to.startsWith('bob') ? '450 x9 postbox bursts' : '450 user unknown'),
    });
    const rules = 'bounceClasses.rules=[{class: mailbox-full, text: "x9 * bursts"}]';
    await using farm = await startFarm({ set: settings(sink.port, rules) });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example', 'carl@far.example'] });
    const classes = (): string[] =>
      farm.logLines().flatMap(({ event, ...line }) => (event === 'attempt' ? [String(line['class'])] : []));
    await waitFor(() => classes().length === 2, { what: () => `two attempts\n${farm.tail()}` });
    assert.deepEqual(classes().toSorted(), ['mailbox-full', 'unknown-user']);
    const { stdout } = await farm.command('queue', ['list', '--json']);
    const { recipients } = JSON.parse(stdout) as { recipients: { address: string; reply: { class: string } }[] };
    assert.deepEqual(
      recipients.map(({ address, reply }) => [address, reply.class]),
      [
        ['bob@far.example', 'mailbox-full'],
        ['carl@far.example', 'unknown-user'],
      ],
    );
  });
});

describe('bounces', () => {
  it('tell the sender why, by RFC 3464', async () => {
    await using sink = await startSink({ onRcpt: () => '550 5.1.1 never heard of him' });
    await using farm = await startFarm({ set: settings(sink.port) });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example'] });
    const text = await waitForMail(farm);
    assert.match(text, /^Return-Path: <>$/m);
    assert.match(text, /^Auto-Submitted: auto-replied$/im);
    assert.match(text, /^Content-Type: multipart\/report;\s[^\0]*?report-type="?delivery-status"?/im);
    assert.match(text, /^Final-Recipient: rfc822; ?bob@far\.example$/im);
    assert.match(text, /^Action: failed$/im);
    assert.match(text, /^Status: 5\.1\.1$/im);
    assert.match(text, /^Diagnostic-Code: smtp; ?550 5\.1\.1 never heard of him/im);
    assert.match(text, /^X-Test-Id: m-0$/m, 'the header of the original');
    await farm.drained();
    assert.equal(mailTo(farm).length, 1);
  });

  it('come after the lifetime of a message', async () => {
    await using sink = await startSink({ onData: () => '451 4.3.2 never today' });
    await using farm = await startFarm({
      set: settings(sink.port, 'retry.times=[1s]', 'retry.lifetime=2s', 'retry.warnAfter=0'),
    });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example'] });
    const text = await waitForMail(farm);
    assert.match(text, /^Action: failed$/im);
    assert.match(text, /never today/);
    await farm.drained();
    assert.equal(sink.ledger.length, 0);
  });

  it('are preceded by one warning when the message is late', async () => {
    let open = false;
    await using sink = await startSink({ onData: () => (open ? undefined : '451 4.3.2 later') });
    await using farm = await startFarm({ set: settings(sink.port, 'retry.times=[1s]', 'retry.warnAfter=1s') });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['bob@far.example'] });
    const text = await waitForMail(farm);
    assert.match(text, /^Action: delayed$/im);
    const attempts = (): number =>
      farm.logLines().filter((line) => line.event === 'attempt' && line['channel'] === 'smtp').length;
    const soFar = attempts();
    await waitFor(() => attempts() >= soFar + 2, { what: () => `two attempts more\n${farm.tail()}` });
    open = true;
    await farm.drained();
    assert.equal(mailTo(farm).length, 1, 'one warning, and nothing else');
    assert.equal(sink.counts().get('m-0'), 1);
  });

  it('are not made for mail from nobody: its failure is dropped', async () => {
    await using sink = await startSink({ onRcpt: () => '550 5.1.1 no' });
    await using farm = await startFarm({ set: settings(sink.port) });
    await sendMail({ port: farm.port, from: '', to: ['bob@far.example'] });
    await farm.waitForLog((line) => line.event === 'removed');
    await farm.drained();
    assert.equal(farm.logLines().filter((line) => line.event === 'removed').length, 1, 'no second message was made');
  });

  it('that fail are told to the postmaster', async () => {
    await using sink = await startSink({ onRcpt: () => '550 5.1.1 no' });
    await using farm = await startFarm({ set: settings(sink.port) });
    await sendMail({ port: farm.port, from: 'carl@far.example', to: ['bob@far.example'] });
    const text = await waitFor(() => mailTo(farm, 'postmaster')[0], {
      what: () => `mail to the postmaster\n${farm.tail()}`,
    });
    await farm.drained();
    assert.match(text, /^Return-Path: <>$/m);
    assert.match(text, /^Final-Recipient: rfc822; carl@far\.example$/m);
    assert.match(text, /^Final-Recipient: rfc822; bob@far\.example$/m, 'the report that failed is in it');
    assert.equal(mailTo(farm, 'postmaster').length, 1);
  });

  it('that fail make no circle, wherever bounce.double leads', async () => {
    await using sink = await startSink({ onRcpt: () => '550 5.1.1 no' });
    await using farm = await startFarm({ set: settings(sink.port, 'bounce.double=ops@far.example') });
    await sendMail({ port: farm.port, from: 'carl@far.example', to: ['bob@far.example'] });
    await farm.waitForLog((line) => line.event === 'report-lost');
    await farm.drained();
    const received = farm.logLines().filter((line) => line.event === 'received');
    assert.deepEqual(
      received.map((line) => line['to']),
      [['bob@far.example'], ['carl@far.example'], ['ops@far.example']],
    );
  });

  it('go out to senders elsewhere', async () => {
    await using sink = await startSink({ onRcpt: (to) => (to.startsWith('bob') ? '550 5.1.1 no' : undefined) });
    await using farm = await startFarm({ set: settings(sink.port) });
    await sendMail({ port: farm.port, from: 'carl@far.example', to: ['bob@far.example'] });
    await waitFor(() => sink.ledger.length === 1, { what: () => `the bounce\n${farm.tail()}` });
    assert.equal(sink.ledger[0]?.from, '');
    assert.deepEqual(sink.ledger[0]?.to, ['carl@far.example']);
    await farm.drained();
  });
});
