import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { authorDomain } from '../../../src/mail/author.ts';

const of = (from: string): string | undefined => authorDomain(Buffer.from(`To: x@to.example\r\nFrom:${from}\r\n\r\n`));

/** A From field, and the domain of its first author. */
const FIELDS: readonly (readonly [string, string | undefined])[] = [
  [' anna@example.org', 'example.org'],
  [' Anna <anna@EXAMPLE.org>', 'example.org'],
  ['\r\n Anna\r\n\t<anna@example.org>', 'example.org'],
  [' "b@evil.example <b@evil.example>," <anna@example.org>', 'example.org'],
  [' "say \\"hi\\" <b@evil.example>" <anna@example.org>', 'example.org'],
  [' (from <b@evil.example> (nested) \\) ) anna@example.org', 'example.org'],
  [' anna@example.org (b@evil.example)', 'example.org'],
  [' anna (at home)@(his) example.org', 'example.org'],
  [' "strange@local"@example.org', 'example.org'],
  [' <@relay.example,@other.example:anna@example.org>', 'example.org'],
  [' anna@example.org, bob@other.example', 'example.org'],
  [' anna@example.org, Bob <bob@other.example>', 'example.org'],
  [' Anna <anna@example.org>, Bob <bob@other.example>', 'example.org'],
  [' Doe, John <john@example.org>', 'example.org'],
  [' Team: anna@example.org, bob@other.example;', 'example.org'],
  [' Team: anna@example.org;', 'example.org'],
  [' Team: Anna <anna@example.org>, bob@other.example;', 'example.org'],
  [' anna@bücher.example', 'xn--bcher-kva.example'],
  [' Анна <анна@bücher.example>', 'xn--bcher-kva.example'],
  [' anna@[192.0.2.1]', '[192.0.2.1]'],
  [' anna@example.org.', 'example.org'],
  ['', undefined],
  [' ', undefined],
  [' Nobody:;', undefined],
  [' <>', undefined],
  [' anna', undefined],
  [' Anna <anna@example.org', undefined],
  [' "anna@example.org', undefined],
  [' (anna@example.org', undefined],
  [' anna@exa mple.org', undefined],
  [' anna@', undefined],
  [' @', undefined],
  [' anna@127.1', undefined],
];

describe('the domain of the author', () => {
  for (const [field, domain] of FIELDS) {
    it(`of ${JSON.stringify(`From:${field}`)} is ${domain ?? 'not known'}`, () => assert.equal(of(field), domain));
  }

  it('is that of the first From field, in any case of its name', () => {
    assert.equal(authorDomain(Buffer.from('FROM : a@one.example\r\nFrom: b@two.example\r\n\r\n')), 'one.example');
    assert.equal(
      authorDomain(Buffer.from('X-From: a@one.example\r\nSubject: x\r\n\r\nFrom: b@body.example')),
      undefined,
    );
    assert.equal(authorDomain(Buffer.alloc(0)), undefined);
  });

  it('is never an exception, whatever bytes there are', () => {
    const piece = fc.constantFrom(
      '"',
      '(',
      ')',
      '\\',
      '<',
      '>',
      '@',
      ',',
      ';',
      ':',
      '.',
      ' ',
      '\r\n ',
      'a',
      'ü',
      '[',
      ']',
    );
    const junk = fc.oneof(
      fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(junk, (bytes) => {
        const found = authorDomain(Buffer.concat([Buffer.from('From: '), bytes, Buffer.from('\r\n\r\n')]));
        assert.ok(found === undefined || /^(?:[a-z0-9_.-]+|\[[0-9a-fv:.]+\])$/i.test(found), found);
      }),
      { numRuns: 2000 },
    );
  });

  it('is looked for in the beginning of a field of 100 KB only', () => {
    const many = 100 * 1024;
    for (const char of ['"', '(', '\\', '<', '@', ',', 'a', ' ', '\r\n ', 'From: ']) {
      assert.doesNotThrow(() => of(` ${char.repeat(Math.ceil(many / char.length))}`));
    }
    assert.equal(of(` ${'x'.repeat(many)} <anna@example.org>`), undefined);
    assert.equal(of(` Anna <anna@example.org>${', b@other.example'.repeat(6000)}`), 'example.org');
  });
});
