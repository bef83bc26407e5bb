import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  composeMessage,
  isEightBit,
  messageSize,
  readContent,
  resolveRecipients,
  resolveSender,
} from '../../../../src/cli/sendmail/message.ts';
import { parseSendmailOptions } from '../../../../src/cli/sendmail/options.ts';
import { Spool } from '../../../../src/cli/sendmail/spool.ts';

test('the sender is -f, completed with the host name, or the caller', () => {
  const sender = (given?: string): string => {
    const result = resolveSender(given, 'ann', 'host.example');
    if (result === '') return '<>';
    return result.ok ? result.address : 'bad';
  };
  assert.equal(sender(), 'ann@host.example');
  assert.equal(sender('bob'), 'bob@host.example');
  assert.equal(sender('<bob@Example.NET>'), 'bob@example.net');
  assert.equal(sender('<>'), '<>');
  assert.equal(sender(''), '<>');
  assert.equal(sender('Bob Miller <bob@example.net>'), 'bob@example.net');
  for (const text of ['a b@c.example', 'a@b.example, c@d.example', ',']) assert.equal(sender(text), 'bad', text);
});

test('an argument may hold names and lists, as a header field does', () => {
  const resolve = (...recipients: readonly string[]): ReturnType<typeof resolveRecipients> =>
    resolveRecipients({ fromHeader: false, recipients }, [], 'host.example');
  const texts = [
    'a@b.example, c@b.example',
    'Ann Lee <ann@b.example>',
    '"x, y" <d@b.example>,root',
    '"q, r"@b.example',
  ];
  assert.deepEqual(
    resolve(...texts).recipients.map((address) => address.replace('@b.example', '')),
    ['a', 'c', 'ann', 'd', 'root@host.example', '"q, r"'],
  );
  assert.deepEqual(
    resolve('', ',', 'a b@b.example, e@b.example', 'a@@b').bad.map(({ text }) => text),
    ['', ',', 'a b@b.example', 'a@@b'],
  );
});

test('recipients of arguments and header, each once, bad ones apart', () => {
  const fields = [{ name: 'to', raw: 'To: c@d.example, root, two words\r\n' }];
  const args = ['<a@b.example>', 'root'];
  const both = resolveRecipients({ fromHeader: true, recipients: args }, fields, 'host.example');
  assert.deepEqual(both.recipients, ['a@b.example', 'root@host.example', 'c@d.example']);
  assert.deepEqual(
    both.bad.map((one) => one.text),
    ['two words'],
  );
  const plain = resolveRecipients({ fromHeader: false, recipients: args }, fields, 'host.example');
  assert.deepEqual(plain.recipients, ['a@b.example', 'root@host.example']);
});

test('a composed message is header and body, of known size', async () => {
  const parsed = parseSendmailOptions(['-N', 'never', '-R', 'hdrs', '-V', 'x1', 'a@b.example']);
  assert.ok(parsed.ok);
  const body = new Spool();
  await body.write(Buffer.from('hello\r\n'));
  const parts = { sender: '', recipients: ['a@b.example'], fields: [], body };
  const message = composeMessage(parts, parsed.options, 'ann@host.example');
  const chunks: Buffer[] = [];
  for await (const chunk of readContent(message)) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  assert.equal(content.toString(), 'From: ann@host.example\r\n\r\nhello\r\n');
  assert.equal(messageSize(message), content.length);
  assert.equal(isEightBit(message), false);
  assert.deepEqual(message.dsn, { notify: ['NEVER'], ret: 'HDRS', envid: 'x1' });
});
