import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeDrillMessage, readMark, type Mark } from '../../../../../src/cli/mailfarm/drill/message.ts';
import { SinkSession } from '../../../../../src/cli/mailfarm/drill/sink-session.ts';
import { startDrillSink } from '../../../../../src/cli/mailfarm/drill/sink.ts';
import { MailSession, openMailSession } from '../../../../../src/client/mail-session.ts';

const RUN = '0123456789abcdef'.repeat(2);

function stuffed(content: Buffer): Buffer {
  return Buffer.from(`${content.toString('latin1').replaceAll(/^\./gm, '..')}.\r\n`, 'latin1');
}

describe('a message of a drill', () => {
  it('is known again below trace headers, of any size', () => {
    for (const size of [200, 1024, 100_000]) {
      const content = makeDrillMessage({ run: RUN, number: 7, size });
      const traced = Buffer.concat([Buffer.from('Received: from a\r\n\tby b; now\r\n'), content]);
      assert.deepEqual(readMark(traced), { run: RUN, number: 7, whole: true });
      assert.ok(Math.abs(content.length - size) < size * 0.05 + 500, `${content.length}`);
      assert.match(content.toString('latin1'), /\r\n\.[^\r]/);
    }
  });

  it('is damaged when a byte of its body is another, and none without a mark', () => {
    const content = makeDrillMessage({ run: RUN, number: 7, size: 300 });
    content[content.length - 5] = (content[content.length - 5] ?? 0) ^ 1;
    assert.deepEqual(readMark(content), { run: RUN, number: 7, whole: false });
    assert.equal(readMark(Buffer.from('Subject: x\r\n\r\nX-Mailfarm-Drill: none\r\n')), undefined);
    assert.equal(readMark(Buffer.from('no header at all')), undefined);
  });
});

describe('SinkSession', () => {
  const messages: Buffer[] = [];
  const start = (most = 100_000): SinkSession => {
    messages.length = 0;
    return new SinkSession({ most, onMessage: (content) => messages.push(content) });
  };
  const content = makeDrillMessage({ run: RUN, number: 3, size: 500 });
  const wire = Buffer.concat([
    Buffer.from('EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\n'),
    stuffed(content),
    Buffer.from('MAIL FROM:<>\r\nRCPT TO:<b@c>\r\ndata\r\n.\r\nQUIT\r\n'),
  ]);
  const codes = (answers: string): string[] =>
    answers.split('\r\n').flatMap((line) => (/^\d{3} /.test(line) ? [line.slice(0, 3)] : []));
  const EXPECTED = ['250', '250', '250', '354', '250', '250', '250', '354', '250', '221'];

  it('takes all in one chunk, and byte by byte, with an empty message', () => {
    const whole = start();
    assert.deepEqual(codes(whole.receive(wire)), EXPECTED);
    assert.deepEqual(messages, [content, Buffer.alloc(0)]);
    const slow = start();
    let answers = '';
    for (const byte of wire) answers += slow.receive(Buffer.from([byte]));
    assert.deepEqual(codes(answers), EXPECTED);
    assert.deepEqual(messages, [content, Buffer.alloc(0)]);
    assert.ok(slow.ended);
  });

  it('refuses what is too large and goes on, and gives up an endless command', () => {
    const session = start(200);
    assert.deepEqual(codes(session.receive(wire)), EXPECTED.with(4, '552'));
    assert.deepEqual(messages, [Buffer.alloc(0)]);
    const endless = start();
    endless.receive(Buffer.alloc(10_000, 65));
    assert.ok(endless.ended);
  });
});

describe('startDrillSink', () => {
  it('takes messages over the loopback address and reads their marks', async () => {
    const marks: (Mark | undefined)[] = [];
    const sink = await startDrillSink(1000, (mark) => marks.push(mark));
    try {
      const to = { host: '127.0.0.1', port: sink.port };
      const session = await openMailSession({ to, name: 'test.example', deadlineMs: 10_000 });
      assert.ok(session instanceof MailSession);
      const mine = await session.send('', 'a@b', makeDrillMessage({ run: RUN, number: 1, size: 300 }));
      assert.equal(mine.kind, 'accepted');
      await session.send('', 'a@b', Buffer.from('Subject: other\r\n\r\nmail\r\n'));
      session.quit();
      assert.deepEqual(marks, [{ run: RUN, number: 1, whole: true }, undefined]);
    } finally {
      sink.close();
    }
  });
});
