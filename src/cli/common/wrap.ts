/** Paragraphs for a terminal: lines no wider than it, made safe first. */
import { oneLine } from '../../base/text.ts';

/** Narrower than this, lines are as they come. */
const LEAST_WIDTH = 20;
const LONGEST = 10_000;

/** Breaks at spaces; `width` in characters, Infinity for one line. A word that is longer than a line has one of its own. */
export function wrapText(text: string, width: number): string {
  const safe = oneLine(text, LONGEST);
  if (!(width >= LEAST_WIDTH) || safe.length <= width) return safe;
  const lines: string[] = [];
  let line = '';
  for (const word of safe.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
