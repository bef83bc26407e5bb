/**
 * SMTP dialogues as text: one file, one conversation.
 *
 *   listener: mx | submission | lmtp | normalise | filtered | small     (default mx)
 *   client: stranger | trusted                                          (default stranger)
 *   once: yes            only whole, not byte by byte (for what is about what comes in one segment)
 *   # comment
 *   C: text              sends the text and CRLF; lines without an S between them leave in one write
 *   C~ text              sends the text as it is
 *   S: text              the next line from the server begins with the text
 *   S* 250               a reply of any number of lines, each with this code
 *   S. closed            the server closes the connection
 *   X. closed            the client closes the connection
 *   X~ end               the client ends its side of the connection, and reads on
 *   Q: n                 so many messages were accepted in this conversation
 *   R: a@b, c@d          recipients of the last accepted message
 *   M: text              the last accepted message has this line, as a whole
 *   N: text              … and nowhere has this text
 *
 * Escapes: \r \n \0 \t \\ \xNN (bytes), and {{text*n}} for n times the text. `C*20: NOOP` and `S*20: 250` repeat a line.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer; readonly line: number }
  | { readonly kind: 'line' | 'reply' | 'recipients' | 'has' | 'lacks'; readonly text: string; readonly line: number }
  | { readonly kind: 'closed' | 'close' | 'end'; readonly line: number }
  | { readonly kind: 'queued'; readonly count: number; readonly line: number };

export interface Dialogue {
  readonly name: string;
  readonly listener: string;
  readonly client: string;
  readonly once: boolean;
  readonly steps: readonly Step[];
}

/** All dialogues of this folder, by name. */
export function readDialogues(folder: string): Dialogue[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  return names.sort().map((name) => parseDialogue(name.slice(0, -4), readFileSync(`${folder}/${name}`, 'utf8')));
}

export function parseDialogue(name: string, text: string): Dialogue {
  const settings = new Map<string, string>();
  const steps: Step[] = [];
  text.split('\n').forEach((row, index) => {
    const line = index + 1;
    if (row.trim() === '' || row.startsWith('#')) return;
    const setting = /^(listener|client|once): *(\S+)$/.exec(row);
    if (setting) return void settings.set(setting[1] ?? '', setting[2] ?? '');
    const match = /^([CSQRMNX])(?:\*(\d+))?([:~*.]) ?(.*)$/.exec(row);
    if (!match) throw new Error(`${name}:${line}: not a line of a dialogue`);
    const [, who = '', times = '1', mark = '', rest = ''] = match;
    for (let n = 0; n < Number(times); n += 1) steps.push(makeStep(`${who}${mark}`, rest, line));
  });
  return {
    name,
    listener: settings.get('listener') ?? 'mx',
    client: settings.get('client') ?? 'stranger',
    once: settings.get('once') === 'yes',
    steps,
  };
}

function makeStep(mark: string, rest: string, line: number): Step {
  switch (mark) {
    case 'C:':
      return { kind: 'send', bytes: unescape(`${rest}\\r\\n`), line };
    case 'C~':
      return { kind: 'send', bytes: unescape(rest), line };
    case 'S:':
      return { kind: 'line', text: rest, line };
    case 'S*':
      return { kind: 'reply', text: rest, line };
    case 'S.':
      return { kind: 'closed', line };
    case 'X.':
      return { kind: 'close', line };
    case 'X~':
      return { kind: 'end', line };
    case 'Q:':
      return { kind: 'queued', count: Number(rest), line };
    case 'R:':
      return { kind: 'recipients', text: rest, line };
    case 'M:':
      return { kind: 'has', text: unescape(rest).toString('latin1'), line };
    case 'N:':
      return { kind: 'lacks', text: unescape(rest).toString('latin1'), line };
    default:
      throw new Error(`line ${line}: unknown mark ${mark}`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', 0: '\0', t: '\t', '\\': '\\' };

/** The text is UTF-8; \xNN stands for a byte. */
function unescape(text: string): Buffer {
  const repeated = text.replace(/\{\{(.*?)\*(\d+)\}\}/g, (_all, what: string, times: string) =>
    what.repeat(Number(times)),
  );
  const latin1 = Buffer.from(repeated, 'utf8').toString('latin1');
  const bytes = latin1.replace(/\\(?:x([0-9a-f]{2})|([rn0t\\]))/gi, (_all, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1');
}
