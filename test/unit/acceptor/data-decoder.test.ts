/** The decoder against ROBUSTNESS 2.1, and every split of a transfer against the whole of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataDecoder } from '../../../src/acceptor/data-decoder.ts';
import { settleLineEnds, stuffDots } from '../../../src/transport/channels/smtp/dot-stuffing.ts';

interface Transfer {
  readonly content: string;
  readonly faults: string;
  /** What came behind the end; undefined when there was no end. */
  readonly rest: string | undefined;
}

function decode(chunks: readonly Buffer[]): Transfer {
  const decoder = new DataDecoder();
  const content: Buffer[] = [];
  for (const [index, chunk] of chunks.entries()) {
    const decoded = decoder.feed(chunk);
    if (decoded.content !== undefined) content.push(decoded.content);
    if (decoded.end !== -1) {
      const rest = Buffer.concat([chunk.subarray(decoded.end), ...chunks.slice(index + 1)]);
      return { content: text(content), faults: faultsOf(decoder), rest: rest.toString('latin1') };
    }
  }
  return { content: text(content), faults: faultsOf(decoder), rest: undefined };
}

function text(buffers: readonly Buffer[]): string {
  return Buffer.concat(buffers).toString('latin1');
}

function faultsOf({ faults }: DataDecoder): string {
  return [faults.bareCr && 'cr', faults.bareLf && 'lf', faults.nul && 'nul'].filter(Boolean).join(' ');
}

function whole(wire: string): Transfer {
  return decode([Buffer.from(wire, 'latin1')]);
}

function byByte(wire: string): Transfer {
  return decode([...Buffer.from(wire, 'latin1')].map((byte) => Buffer.from([byte])));
}

/** What follows stands for a smuggled command: it must still be content. */
const SMUGGLED = 'MAIL FROM:<evil@example.org>\r\n';

/** Longer than what is looked at byte by byte. */
const LONG = 'x'.repeat(150);

describe('end of data', () => {
  const notAnEnd: readonly (readonly [wire: string, faults: string])[] = [
    ['a\n.\n', 'lf'],
    ['a\n.\r', 'cr lf'],
    ['a\r.\n', 'cr lf'],
    ['a\r.\r', 'cr'],
    ['a\n.\r\n', 'lf'],
    ['a\r.\r\n', 'cr'],
    ['a\r\n.\n', 'lf'],
    ['a\r\n.\r', 'cr'],
    ['a\r\n\0.\r\n', 'nul'],
    ['a\r\n.\0\r\n', 'nul'],
    ['a\r\n.\r\r\n', 'cr'],
    ['a\r\r\n.\r\r\n', 'cr'],
    ['.\n', 'lf'],
    ['.\r', 'cr'],
    ['.\r\r\n', 'cr'],
    ['\n.\r\n', 'lf'],
    ['\r.\r\n', 'cr'],
  ];
  for (const [wire, faults] of notAnEnd) {
    it(`is not ${JSON.stringify(wire)}`, () => {
      const all = `${wire}${SMUGGLED}\r\n.\r\nQUIT\r\n`;
      const result = whole(all);
      assert.equal(result.rest, 'QUIT\r\n');
      assert.equal(result.faults, faults);
      assert.match(result.content, /MAIL FROM/);
      assert.deepEqual(byByte(all), result);
    });
  }

  it('is CRLF . CRLF, and what follows is left alone', () => {
    assert.deepEqual(whole('a\r\n.\r\nb\n\0'), { content: 'a\r\n', faults: '', rest: 'b\n\0' });
  });

  it('is . CRLF right at the start', () => {
    assert.deepEqual(whole('.\r\nQUIT\r\n'), { content: '', faults: '', rest: 'QUIT\r\n' });
    assert.deepEqual(byByte('.\r\nQUIT\r\n'), { content: '', faults: '', rest: 'QUIT\r\n' });
  });

  it('may come after an empty line, and after a line that ends in a bare CR made good', () => {
    assert.deepEqual(whole('\r\n.\r\n'), { content: '\r\n', faults: '', rest: '' });
    assert.deepEqual(whole('a\r\r\n.\r\n'), { content: 'a\r\n\r\n', faults: 'cr', rest: '' });
  });
});

describe('dots', () => {
  it('lose one after CRLF and at the start', () => {
    assert.equal(whole('..\r\n..a\r\n...\r\n.\r\n').content, '.\r\n.a\r\n..\r\n');
  });

  it('lose one also where the sender forgot to stuff it (RFC 5321 section 4.5.2)', () => {
    assert.equal(whole('.a\r\n.\r\n').content, 'a\r\n');
  });

  it('stay after a bare line end: un-stuffing there would make an end of data for the next server', () => {
    assert.equal(whole('a\n..\r\nb\r..\r\n.\r\n').content, 'a\r\n..\r\nb\r\n..\r\n');
  });

  it('keep their place within lines', () => {
    assert.equal(whole('a.b..c.\r\n.\r\n').content, 'a.b..c.\r\n');
  });
});

describe('bare line ends and NUL', () => {
  it('become CRLF in the content and are told', () => {
    assert.deepEqual(whole('a\nb\rc\r\n.\r\n'), { content: 'a\r\nb\r\nc\r\n', faults: 'cr lf', rest: '' });
  });

  it('do not count behind the end', () => {
    assert.equal(whole('a\r\n.\r\n\0\n\r').faults, '');
  });

  it('leaves bytes above 0x7f as they are', () => {
    const bytes = Buffer.from([...Array(256).keys()].filter((byte) => byte !== 0 && byte !== 10 && byte !== 13));
    const { content, faults } = decode([Buffer.concat([bytes, Buffer.from('\r\n.\r\n')])]);
    assert.equal(content, `${bytes.toString('latin1')}\r\n`);
    assert.equal(faults, '');
  });
});

describe('chunks', () => {
  const bytes = fc.array(fc.constantFrom('.', '\r', '\n', '\0', 'a', LONG, '\r\n', '\r\n.', '\r\n.\r\n'), {
    maxLength: 40,
  });

  it('cut anywhere, give what the whole gives', () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 8 });
    fc.assert(
      fc.property(bytes, cuts, (parts, at) => {
        const wire = Buffer.from(parts.join(''), 'latin1');
        const points = [0, ...at.filter((point) => point < wire.length).sort((a, b) => a - b), wire.length];
        const chunks = points.slice(1).map((end, index) => wire.subarray(points[index], end));
        assert.deepEqual(ended(decode(chunks)), ended(decode([wire])));
      }),
      { numRuns: 2000 },
    );
  });

  it('of one byte give what the whole gives', () => {
    fc.assert(
      fc.property(bytes, (parts) => {
        assert.deepEqual(ended(byByte(parts.join(''))), ended(whole(parts.join(''))));
      }),
      { numRuns: 2000 },
    );
  });

  it('agree with a plain reading of the rules', () => {
    fc.assert(
      fc.property(bytes, (parts) => {
        const wire = parts.join('');
        const end = `\r\n${wire}`.indexOf('\r\n.\r\n');
        const { rest } = whole(wire);
        assert.equal(rest, end === -1 ? undefined : wire.slice(end + 3));
      }),
      { numRuns: 2000 },
    );
  });

  it('is called plain only where the content can go out again as it is', () => {
    fc.assert(
      fc.property(bytes, (parts) => {
        const decoder = new DataDecoder();
        const { content = Buffer.alloc(0) } = decoder.feed(Buffer.from(`${parts.join('')}\r\n.\r\n`, 'latin1'));
        if (!decoder.plain) return;
        assert.equal(stuffDots(settleLineEnds(content)), content);
      }),
      { numRuns: 2000 },
    );
  });

  it('are called plain: ordinary mail, but not with a line that starts with a dot', () => {
    const plain = (wire: string): boolean => {
      const decoder = new DataDecoder();
      decoder.feed(Buffer.from(wire));
      return decoder.plain;
    };
    assert.equal(plain('Subject: x\r\n\r\na.b\r\n.\r\n'), true);
    assert.equal(plain('Subject: x\r\n\r\n..b\r\n.\r\n'), false);
    assert.equal(plain('Subject: x\r\n\r\na\n.b\r\n.\r\n'), false);
  });

  it('are passed on without a copy where nothing changes', () => {
    const chunk = Buffer.from('no dots here\r\nnor here\r\n');
    assert.equal(new DataDecoder().feed(chunk).content, chunk);
  });

  /** What an unended transfer holds back depends on the chunks; a verdict does not. */
  function ended(transfer: Transfer): Transfer | Omit<Transfer, 'content'> {
    return transfer.rest === undefined ? { ...transfer, content: '' } : transfer;
  }
});
