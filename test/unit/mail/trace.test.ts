import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dateHeader, formatDate, messageIdHeader, receivedHeader, returnPathHeader } from '../../../src/mail/trace.ts';

const DATE = Date.UTC(2026, 10, 2, 8, 5, 9);
const BASE = { by: 'mx.example.org', with: 'ESMTP', id: '0abc', date: DATE };

test('a Received line of a plain session', () => {
  const line = receivedHeader({ ...BASE, from: 'client.example', ip: '192.0.2.1', rdns: 'r.example', for: 'a@b.org' });
  assert.equal(
    line,
    'Received: from client.example\r\n\t(r.example [192.0.2.1])\r\n' +
      '\tby mx.example.org (Mailfarm) with ESMTP id 0abc\r\n\tfor <a@b.org>;\r\n\tMon, 02 Nov 2026 08:05:09 +0000\r\n',
  );
});

test('what is not known is left out', () => {
  assert.equal(
    receivedHeader(BASE),
    'Received: by mx.example.org (Mailfarm) with ESMTP id 0abc;\r\n\tMon, 02 Nov 2026 08:05:09 +0000\r\n',
  );
  assert.match(receivedHeader({ ...BASE, user: 'root' }), /^Received: \(user root\)\r\n\tby/);
  assert.match(receivedHeader({ ...BASE, from: '', ip: '::1' }), /^Received: from unknown\r\n\t\(\[IPv6:::1\]\)/);
});

test('user and TLS stand in comments', () => {
  const line = receivedHeader({ ...BASE, with: 'ESMTPSA', from: 'c', ip: '192.0.2.1', user: 'a)b', tls: 'TLSv1.3 X' });
  assert.match(line, /\(using TLSv1\.3 X\)\r\n\t\(authenticated as a\?b\)\r\n\tby/);
});

test('an address that is not plain ASCII is left out of Received', () => {
  for (const address of ['andré@x', 'a\r\nX: y@x', 'a>b@x', '']) {
    assert.doesNotMatch(receivedHeader({ ...BASE, for: address }), /for </, address);
  }
});

test('Date, Message-ID and Return-Path', () => {
  assert.equal(dateHeader(DATE), 'Date: Mon, 02 Nov 2026 08:05:09 +0000\r\n');
  assert.equal(formatDate(0), 'Thu, 01 Jan 1970 00:00:00 +0000');
  assert.equal(messageIdHeader('0abc', 'mx.example.org'), 'Message-ID: <0abc@mx.example.org>\r\n');
  assert.equal(returnPathHeader(''), 'Return-Path: <>\r\n');
  assert.equal(returnPathHeader('andré@x'), 'Return-Path: <andré@x>\r\n');
  assert.equal(returnPathHeader('a\r\nX: <y'), 'Return-Path: <a??X: ?y>\r\n');
});

test('property: nothing from outside breaks the line, the comment or the length', () => {
  const hostile = fc.string({ unit: 'binary', maxLength: 600 });
  fc.assert(
    fc.property(
      fc.record({ from: hostile, ip: hostile, rdns: hostile, user: hostile, tls: hostile, for: hostile }),
      (given) => {
        const line = receivedHeader({ ...BASE, ...given });
        assert.match(line, /^Received: (?:[\x20-\x7e]+(?:\r\n\t)?)+\r\n$/);
        assert.ok(line.split('\r\n').every((part) => part.length <= 998));
        assert.equal(line.split('(').length, line.split(')').length);
        assert.match(line, /by mx\.example\.org \(Mailfarm\) with ESMTP id 0abc/);
        assert.doesNotMatch(line.replace(/for <[^<>]*>/, ''), /[<>]/);
      },
    ),
    { numRuns: 500 },
  );
});
