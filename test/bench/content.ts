/** The messages of the benchmark: all the same but for a number, of an exact size, with nothing to dot-stuff. */
import { NUMBER_DIGITS, NUMBER_HEADER } from './sink-session.ts';

const END = '\r\n.\r\n';
const LINE = 'A benchmark line of usual length, which ends where the lines of most mail end.';

/** Smallest content: its header. */
export const LEAST_BYTES = 300;

/** Makes contents of `size` bytes (LEAST_BYTES or more), ended by the dot for the wire. */
export function makeContents(size: number): (number: number) => Buffer {
  const header = [
    'From: Bench <sender@bench.example>',
    'To: recipient@bench.example',
    'Subject: a message of the benchmark',
    'Date: Thu, 01 Jan 2026 00:00:00 +0000',
    'Message-ID: <bench@bench.example>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    `${NUMBER_HEADER}${'0'.repeat(NUMBER_DIGITS)}`,
    '',
    '',
  ].join('\r\n');
  const lines = `${LINE}\r\n`.repeat(Math.ceil(size / LINE.length));
  const text = (header + lines).slice(0, size - 2).replace(/[\r\n]+$/, (end) => '='.repeat(end.length));
  const template = Buffer.from(text + END, 'latin1');
  const at = text.indexOf(NUMBER_HEADER) + NUMBER_HEADER.length;
  return (number) => {
    const content = Buffer.from(template);
    content.write(String(number).padStart(NUMBER_DIGITS, '0'), at, 'latin1');
    return content;
  };
}
