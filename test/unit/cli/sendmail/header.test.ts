import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fieldValue,
  formatHeader,
  HeaderReader,
  listRecipients,
  type Field,
} from '../../../../src/cli/sendmail/header.ts';

function read(text: string): { readonly fields: readonly Field[]; readonly body: string; readonly done: boolean } {
  const reader = new HeaderReader();
  const body = reader.push(text);
  return { fields: reader.fields, body, done: reader.done };
}

const AUTHOR = { address: 'ann@example.org' };

test('takes header and body apart at the blank line', () => {
  const { fields, body } = read('Subject: a\r\n b\r\nTo: x\r\n\r\nbody\r\n\r\nmore\r\n');
  assert.deepEqual(fields, [
    { name: 'subject', raw: 'Subject: a\r\n b\r\n' },
    { name: 'to', raw: 'To: x\r\n' },
  ]);
  assert.equal(body, 'body\r\n\r\nmore\r\n');
});

test('a first line that is no field begins the body', () => {
  assert.deepEqual(read('just text\r\nSubject: no\r\n'), {
    fields: [],
    body: 'just text\r\nSubject: no\r\n',
    done: true,
  });
  const { fields, body } = read('Subject: yes\r\njust text\r\n');
  assert.equal(fields.length, 1);
  assert.equal(body, 'just text\r\n');
});

test('drops the line that mailbox files begin with', () => {
  const { fields, body } = read('From ann Mon Nov 22\r\nSubject: a\r\n\r\nFrom here\r\n');
  assert.deepEqual(
    fields.map((field) => field.name),
    ['subject'],
  );
  assert.equal(body, 'From here\r\n');
});

test('a header without body is not over at the end of the input', () => {
  const { fields, body, done } = read('Subject: a\r\n');
  assert.deepEqual([fields.length, body, done], [1, '', false]);
});

test('where the input is cut makes no difference', () => {
  const text = 'To: a\r\n b\r\nX:y\r\n\r\nbody\r\n';
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 6 })), (cuts) => {
      const reader = new HeaderReader();
      let body = '';
      let at = 0;
      for (const cut of [...cuts, text.length]) {
        body += reader.push(text.slice(at, at + cut));
        at += cut;
      }
      assert.deepEqual(
        [reader.fields.map((field) => field.raw).join(''), body],
        ['To: a\r\n b\r\nX:y\r\n', 'body\r\n'],
      );
    }),
  );
});

test('recipients come from To, Cc and Bcc', () => {
  const { fields } = read(
    'To: a@b.example,\r\n c@d.example\r\nCC: e@f.example\r\nBcc: g@h.example\r\nX-To: no@no.example\r\n\r\n',
  );
  assert.deepEqual(listRecipients(fields), ['a@b.example', 'c@d.example', 'e@f.example', 'g@h.example']);
});

test('recipients of a resent message come from its Resent fields alone', () => {
  const { fields } = read('To: a@b.example\r\nResent-To: c@d.example\r\nResent-Bcc: e@f.example\r\n\r\n');
  assert.deepEqual(listRecipients(fields), ['c@d.example', 'e@f.example']);
});

test('Bcc never leaves, other fields stay byte for byte', () => {
  const { fields } = read(
    'X-Odd :  \xe4\r\n\tfolded\r\nBCC: x@y.example,\r\n z@y.example\r\nResent-Bcc: q@y.example\r\nFrom: a@b.example\r\n\r\n',
  );
  const header = formatHeader(fields, AUTHOR).toString('latin1');
  assert.equal(header, 'X-Odd :  \xe4\r\n\tfolded\r\nFrom: a@b.example\r\n\r\n');
});

test('a missing From is added, with the full name', () => {
  const from = (name: string): string => formatHeader([], { address: 'ann@example.org', name }).toString('latin1');
  assert.equal(formatHeader([], AUTHOR).toString(), 'From: ann@example.org\r\n\r\n');
  assert.equal(from('Ann Example'), 'From: Ann Example <ann@example.org>\r\n\r\n');
  assert.equal(from('Ann "A." Example'), 'From: "Ann \\"A.\\" Example" <ann@example.org>\r\n\r\n');
  assert.equal(
    from('Jürgen'),
    `From: =?UTF-8?B?${Buffer.from('Jürgen').toString('base64')}?= <ann@example.org>\r\n\r\n`,
  );
});

test('a full name cannot add a field', () => {
  const header = formatHeader([], { address: 'a@b.example', name: 'x\r\nBcc: evil@example.org\u0085y' }).toString(
    'latin1',
  );
  assert.equal(header.split('\r\n').length, 3);
});

test('values are unfolded and read as UTF-8', () => {
  const raw = Buffer.from('To: Jürgen\r\n <a@b.example>\r\n').toString('latin1');
  assert.equal(fieldValue({ name: 'to', raw }), 'Jürgen <a@b.example>');
});
