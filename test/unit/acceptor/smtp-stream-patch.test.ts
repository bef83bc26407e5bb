/** The mended parser: command lines end at CRLF alone, however they arrive; data waits for its sink. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import type { DataSummary } from '../../../src/acceptor/message-stream.ts';
import { asMessageStream } from '../../../src/acceptor/message-stream.ts';
import { StrictStream } from '../../../src/acceptor/smtp-stream-patch.ts';
import { waitFor } from '../../support/wait.ts';

interface Heard {
  readonly commands: string[];
  readonly messages: { content: string; summary?: DataSummary; aborted?: boolean }[];
  overlong: number;
  error: string | undefined;
}

interface Options {
  /** Answers come later, as from a handler that asks a disk. */
  readonly slow?: boolean;
  readonly maxBytes?: number;
  readonly write?: () => Promise<void> | undefined;
}

/** A parser whose DATA command switches to data mode, as smtp-server's does. */
function listen(options: Options = {}): { readonly stream: StrictStream; readonly heard: Heard } {
  const stream = new StrictStream({ maxCommandLength: 40 });
  const heard: Heard = { commands: [], messages: [], overlong: 0, error: undefined };
  const later = (callback: () => void): void => void (options.slow ? setImmediate(callback) : callback());
  stream.oncommand = (line, callback) => {
    heard.commands.push(line.toString('latin1'));
    if (line.toString() === 'DATA') startData(stream, heard, options);
    if (callback) later(callback);
  };
  stream.onoverlong = (callback) => {
    heard.overlong += 1;
    later(callback);
  };
  stream.on('error', (error) => (heard.error = error.message));
  return { stream, heard };
}

function startData(stream: StrictStream, heard: Heard, { maxBytes, write, slow }: Options): void {
  const message: Heard['messages'][number] = { content: '' };
  heard.messages.push(message);
  asMessageStream(stream.startDataMode(maxBytes)).sink = {
    write(content) {
      message.content += content.toString('latin1');
      return write?.();
    },
    end(summary) {
      message.summary = summary;
      if (slow) setImmediate(() => stream.continue());
      else stream.continue();
    },
    abort() {
      message.aborted = true;
    },
  };
}

/** Writes the chunks one after another; resolves when the parser is done with all, or has failed. */
async function feed(stream: StrictStream, chunks: readonly Buffer[]): Promise<void> {
  for (const chunk of chunks) {
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => stream.write(chunk, () => resolve()));
  }
}

async function hear(chunks: readonly Buffer[], options: Options = {}): Promise<Heard> {
  const { stream, heard } = listen(options);
  await feed(stream, chunks);
  await turn();
  return heard;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const single = (text: string): Buffer[] => [...bytes(text)].map((byte) => Buffer.from([byte]));

describe('commands', () => {
  it('end at CRLF', async () => {
    assert.deepEqual((await hear([bytes('NOOP\r\nRSET\r\n')])).commands, ['NOOP', 'RSET']);
  });

  it('do not end at a bare LF or CR', async () => {
    const { commands } = await hear([bytes('MAIL\nRCPT\r\nA\rB\r\n\n\r\n')]);
    assert.deepEqual(commands, ['MAIL\nRCPT', 'A\rB', '\n']);
  });

  it('do not end with the connection', async () => {
    const { stream, heard } = listen();
    stream.end(bytes('NOOP\r\nQUIT'));
    await waitFor(() => stream.writableFinished);
    assert.deepEqual(heard.commands, ['NOOP']);
  });

  it('keep their bytes', async () => {
    assert.deepEqual((await hear([bytes('\xff\xfe\0\r\n')])).commands, ['\xff\xfe\0']);
  });

  it('that are too long are thrown away as one', async () => {
    for (const chunks of [[bytes(`${'x'.repeat(500)}\r\nNOOP\r\n`)], single(`${'x'.repeat(500)}\r\nNOOP\r\n`)]) {
      const { commands, overlong } = await hear(chunks);
      assert.deepEqual(commands, ['NOOP']);
      assert.equal(overlong, 1);
    }
  });

  it('of just the greatest length pass, one byte more does not', async () => {
    for (const split of [(text: string) => [bytes(text)], single]) {
      assert.deepEqual((await hear(split(`${'x'.repeat(40)}\r\n`))).overlong, 0);
      assert.deepEqual((await hear(split(`${'x'.repeat(41)}\r\n`))).overlong, 1);
    }
  });

  it('without end are given up, and hold no memory meanwhile', async () => {
    const chunk = Buffer.alloc(10_000, 'x');
    const { error, commands } = await hear(Array.from({ length: 10 }, () => chunk));
    assert.match(error ?? '', /too long/);
    assert.deepEqual(commands, []);
  });

  it('after the connection is closed are not run', async () => {
    const { stream, heard } = listen();
    stream.isClosed = true;
    await feed(stream, [bytes('NOOP\r\n')]);
    assert.deepEqual(heard.commands, []);
  });

  it('of a long pipeline all run, and other sessions get a turn', async () => {
    const { commands } = await hear([bytes('NOOP\r\n'.repeat(1000))]);
    assert.equal(commands.length, 1000);
  });
});

describe('data', () => {
  it('goes to the sink, and commands go on behind it', async () => {
    for (const slow of [false, true]) {
      const heard = await hear([bytes('DATA\r\nhello\r\n..\r\n.\r\nNOOP\r\n')], { slow });
      await waitFor(() => heard.commands.length === 2);
      assert.deepEqual(heard.commands, ['DATA', 'NOOP']);
      assert.equal(heard.messages[0]?.content, 'hello\r\n.\r\n');
    }
  });

  it('may follow at once upon data', async () => {
    const one = 'DATA\r\nx\r\n.\r\n';
    const heard = await hear([bytes(one.repeat(3))]);
    assert.deepEqual(
      heard.messages.map(({ content }) => content),
      ['x\r\n', 'x\r\n', 'x\r\n'],
    );
  });

  it('counts what it throws away for its size', async () => {
    const { messages } = await hear([bytes(`DATA\r\n${'x'.repeat(50)}`), bytes(`${'y'.repeat(100)}\r\n.\r\n`)], {
      maxBytes: 60,
    });
    const { content, summary } = messages[0] ?? { content: '' };
    assert.equal(content, 'x'.repeat(50));
    assert.equal(summary?.sizeExceeded, true);
    assert.equal(summary?.bytes, 152);
  });

  it('waits for a sink that is full', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { stream, heard } = listen({ write: () => gate });
    let taken = 0;
    stream.write(bytes('DATA\r\n'));
    stream.write(bytes('one\r\n'), () => (taken += 1));
    stream.write(bytes('two\r\n'), () => (taken += 1));
    await turn();
    await turn();
    assert.equal(taken, 0);
    assert.equal(heard.messages[0]?.content, 'one\r\n');
    open();
    await waitFor(() => taken === 2);
  });

  it('goes on when the sink fails: it has told its owner', async () => {
    const { stream, heard } = listen({ write: () => Promise.reject(new Error('disk')) });
    await feed(stream, [bytes('DATA\r\na\r\n'), bytes('b\r\n.\r\nNOOP\r\n')]);
    await waitFor(() => heard.commands.length === 2);
  });

  it('that is cut off is told', async () => {
    const { stream, heard } = listen();
    await feed(stream, [bytes('DATA\r\na\r\n')]);
    asMessageStream(stream.startDataMode()).destroy();
    assert.equal(heard.messages[0]?.summary, undefined);
  });

  it('that comes behind DATA at once is noticed', async () => {
    for (const [text, early] of [
      ['DATA\r\nx', 1],
      ['DATA\r\n', 0],
    ] as const) {
      const { stream } = listen();
      let noticed = 0;
      stream.onearlydata = () => void (noticed += 1);
      await feed(stream, [bytes(text)]);
      assert.equal(noticed, early);
    }
  });
});

describe('splits', () => {
  const parts = fc.array(
    fc.constantFrom('NOOP', 'DATA\r\n', 'a', '.', '..', '\r', '\n', '\r\n', '\r\n.\r\n', '\0', 'x'.repeat(45)),
    { maxLength: 30 },
  );

  it('change nothing: neither commands, nor content, nor faults', async () => {
    await fc.assert(
      fc.asyncProperty(parts, fc.array(fc.nat(200), { maxLength: 10 }), fc.boolean(), async (texts, cuts, slow) => {
        const wire = bytes(texts.join(''));
        const points = [...new Set(cuts.filter((cut) => cut < wire.length))].sort((a, b) => a - b);
        const chunks = [0, ...points].map((from, index) => wire.subarray(from, points[index] ?? wire.length));
        const whole = await settled([wire], slow);
        assert.deepEqual(await settled(chunks, slow), whole);
        assert.deepEqual(await settled(single(wire.toString('latin1')), slow), whole);
      }),
      { numRuns: 300 },
    );
  });

  /** What was heard, without the content of a transfer that has not ended: what is held back is no verdict. */
  async function settled(chunks: readonly Buffer[], slow: boolean): Promise<unknown> {
    const { commands, messages, overlong, error } = await hear(chunks, { slow });
    return { commands, overlong, error, messages: messages.map((one) => (one.summary ? one : 'under way')) };
  }
});
