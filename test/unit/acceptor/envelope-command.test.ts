import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePathCommand, type PathCommand } from '../../../src/acceptor/envelope-command.ts';

function mail(line: string): PathCommand | undefined {
  return parsePathCommand(line, { name: 'MAIL FROM' });
}

describe('a path', () => {
  const good: readonly (readonly [line: string, address: string | undefined])[] = [
    ['MAIL FROM:<a@example.org>', 'a@example.org'],
    ['mail from:<a@EXAMPLE.org.>', 'a@example.org'],
    ['MAIL FROM: <a@example.org>', 'a@example.org'],
    ['MAIL FROM:<a@example.org> SIZE=1', 'a@example.org'],
    ['MAIL FROM:<>', undefined],
    ['MAIL FROM:<@one.test,@two.test:a@example.org>', 'a@example.org'],
    ['MAIL FROM:<"a b"@example.org>', '"a b"@example.org'],
    ['MAIL FROM:<"a>b"@example.org>', '"a>b"@example.org'],
    ['MAIL FROM:<"a\\"b"@example.org>', '"a\\"b"@example.org'],
    ['MAIL FROM:<a@[192.0.2.1]>', 'a@[192.0.2.1]'],
  ];
  for (const [line, address] of good) {
    it(`is read from ${line}`, () => {
      const command = mail(line);
      assert.equal(command?.why, undefined);
      assert.equal(command?.address?.address, address);
    });
  }

  for (const line of [
    'MAIL FROM',
    'MAIL TO:<a@example.org>',
    'MAIL FROM:a@example.org',
    'MAIL FROM:<a@example.org',
    'MAIL FROM:<a@example.org>SIZE=1',
    'MAIL FROM:<a@<b>@example.org>',
    'MAIL FROM:<"a@example.org>',
    'MAIL FROM:',
  ]) {
    it(`is not read from ${line}`, () => assert.equal(mail(line), undefined));
  }

  it('that is no address is said in words', () => {
    assert.match(mail('MAIL FROM:<a@b@c>')?.why ?? '', /more than one @/);
    assert.match(mail('MAIL FROM:<@one.test:>')?.why ?? '', /empty/);
  });

  it('beyond ASCII asks for SMTPUTF8', () => {
    assert.equal(mail('MAIL FROM:<jürgen@example.org>')?.needsUtf8, true);
    assert.equal(mail('MAIL FROM:<jürgen@example.org> SMTPUTF8')?.address?.local, 'jürgen');
    const options = { name: 'RCPT TO', smtputf8: true };
    assert.equal(parsePathCommand('RCPT TO:<jürgen@example.org>', options)?.address?.local, 'jürgen');
  });

  it('<postmaster> gets our domain, in RCPT alone', () => {
    const options = { name: 'RCPT TO', postmasterDomain: 'mx.test' };
    assert.equal(parsePathCommand('RCPT TO:<PostMaster>', options)?.address?.address, 'postmaster@mx.test');
    assert.equal(mail('MAIL FROM:<postmaster>')?.address, undefined);
  });
});

describe('parameters', () => {
  const of = (text: string): PathCommand | undefined => mail(`MAIL FROM:<> ${text}`);

  it('have keys in upper case and decoded values', () => {
    assert.deepEqual(
      [...(of('size=10 SmtpUtf8 ENVID=a+2Bb=c')?.parameters ?? [])],
      [
        ['SIZE', '10'],
        ['SMTPUTF8', true],
        ['ENVID', 'a+b=c'],
      ],
    );
  });

  it('may not hide control characters', () => {
    for (const text of ['ENVID=x+0D+0AX-Evil:+20y', 'ENVID=+00', 'ENVID=+7F', 'ENVID=+85']) {
      assert.equal(of(text), undefined);
    }
  });

  it('named like properties are names', () => {
    assert.equal(of('__proto__=1'), undefined);
    assert.equal(of('constructor=1')?.parameters.get('CONSTRUCTOR'), '1');
  });

  it('given twice are told', () => {
    assert.equal(of('SIZE=1 size=2')?.duplicate, 'SIZE');
  });

  it('are not without number', () => {
    assert.equal(of(Array.from({ length: 30 }, (_, n) => `K${n}=1`).join(' ')), undefined);
  });
});

it('any line gives a value, and an address never has control characters or a bare route', () => {
  const piece = fc.constantFrom(
    'MAIL FROM:',
    '<',
    '>',
    '@',
    '"',
    '\\',
    ' ',
    'a',
    '.',
    ':',
    ',',
    'ü',
    '+0A',
    '=',
    '%',
    '[',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const command = mail(`MAIL FROM:<${pieces.join('')}`);
      const address = command?.address?.address ?? 'a@b';
      assert.doesNotMatch(address, /[\u0000-\u001f]|^@/); // oxlint-disable-line no-control-regex -- that is the point
    }),
    { numRuns: 3000 },
  );
});
