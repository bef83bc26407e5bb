/** The sink's session reads SMTP however the bytes are cut, and answers each command once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeContents } from '../../bench/content.ts';
import { SinkSession } from '../../bench/sink-session.ts';

const ENVELOPE = 'MAIL FROM:<a@bench.example>\r\nRCPT TO:<b@bench.example>\r\nDATA\r\n';

/** Feeds a dialogue in pieces; the codes of the answers, and the numbers of the messages. */
function play(bytes: Buffer, cuts: readonly number[]): { codes: string[]; numbers: number[]; quit: boolean } {
  const numbers: number[] = [];
  const session = new SinkSession((found) => numbers.push(...found));
  const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].toSorted((a, b) => a - b);
  let answers = '';
  for (let n = 1; n < places.length; n += 1) answers += session.receive(bytes.subarray(places[n - 1], places[n]));
  const codes = answers
    .split('\r\n')
    .filter((line) => line[3] === ' ')
    .map((line) => line.slice(0, 3));
  return { codes, numbers, quit: session.quit };
}

describe('SinkSession', () => {
  it('counts messages and finds their numbers, however the bytes are cut', () => {
    const makeContent = makeContents(2000);
    const transaction = (number: number): Buffer =>
      Buffer.concat([Buffer.from(`${ENVELOPE}Received: by relay\r\n`), makeContent(number)]);
    const dialogue = Buffer.concat([
      Buffer.from('EHLO x\r\n'),
      transaction(7),
      transaction(12_345_678),
      Buffer.from('QUIT\r\n'),
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) => {
        const { codes, numbers, quit } = play(dialogue, cuts);
        assert.deepEqual(numbers, [7, 12_345_678]);
        assert.deepEqual(codes, ['250', '250', '250', '354', '250', '250', '250', '354', '250', '221']);
        assert.ok(quit);
      }),
    );
  });

  it('knows an empty content, and one without a number', () => {
    const { codes, numbers } = play(Buffer.from(`${ENVELOPE}.\r\n${ENVELOPE}Subject: x\r\n\r\nx\r\n.\r\n`), []);
    assert.deepEqual(numbers, [-1, -1]);
    assert.deepEqual(codes, ['250', '250', '354', '250', '250', '250', '354', '250']);
  });

  it('keeps next to nothing of a large content', () => {
    const session = new SinkSession(() => assert.fail('there is no end'));
    session.receive(Buffer.from(ENVELOPE));
    for (let n = 0; n < 200; n += 1) assert.equal(session.receive(Buffer.alloc(65_536, 'x')), '');
  });

  it('counts a message for each of its numbered recipients, without looking into it', () => {
    const text =
      'EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<7r@b.example>\r\nRCPT TO:<12r@b.example>\r\nDATA\r\nHi\r\n.\r\n';
    const again = 'MAIL FROM:<a@b.example>\r\nRCPT TO:<13r@b.example>\r\nDATA\r\n.\r\nQUIT\r\n';
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), (cuts) => {
        assert.deepEqual(play(Buffer.from(text + again), cuts).numbers, [7, 12, 13]);
      }),
    );
  });

  it('refuses the recipients it is told to, and takes no content without one', () => {
    const asked: number[] = [];
    const session = new SinkSession(
      () => assert.fail('no message'),
      (number) => {
        asked.push(number);
        return true;
      },
    );
    const answers = session.receive(Buffer.from('MAIL FROM:<a@b.example>\r\nRCPT TO:<7r@b.example>\r\nDATA\r\n'));
    assert.deepEqual(
      answers.split('\r\n').map((line) => line.slice(0, 3)),
      ['250', '451', '503', ''],
    );
    assert.deepEqual(asked, [7]);
  });
});
