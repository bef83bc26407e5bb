/**
 * Turns what a Unix program writes into what mail is: every line end becomes CRLF (LF, CRLF and a bare CR alike), and
 * without -i a line with a single dot ends the message.
 *
 * It works on chunks with native searches. A chunk may end anywhere: what could be half of a line end or of the dot
 * line waits for the next chunk, at most two bytes.
 */

export class LineEnds {
  readonly #dotEnds: boolean;
  /** A dot or a CR at the end of the last chunk, not judged yet. */
  #held = '';
  #atLineStart = true;
  #ended = false;

  constructor(options: { readonly dotEnds: boolean }) {
    this.#dotEnds = options.dotEnds;
  }

  /** The dot line came: the rest of the input is not read. */
  get ended(): boolean {
    return this.#ended;
  }

  push(chunk: Buffer): Buffer {
    if (this.#ended) return Buffer.alloc(0);
    const text = this.#held + chunk.toString('latin1');
    const keep = /\.?\r?$/.exec(text)?.[0] ?? '';
    this.#held = keep;
    return this.#emit(text.slice(0, text.length - keep.length));
  }

  /** The last bytes; a last line without an end gets one. */
  end(): Buffer {
    if (this.#ended) return Buffer.alloc(0);
    const last = this.#held;
    this.#held = '';
    const text = /[\r\n]$/.test(last) || (last === '' && this.#atLineStart) ? last : `${last}\n`;
    return this.#emit(text);
  }

  #emit(raw: string): Buffer {
    let text = raw.replace(/\r\n|\r|\n/g, '\r\n');
    if (this.#dotEnds) text = this.#cutAtDot(text);
    if (text !== '') this.#atLineStart = text.endsWith('\r\n');
    return Buffer.from(text, 'latin1');
  }

  #cutAtDot(text: string): string {
    if (this.#atLineStart && text.startsWith('.\r\n')) {
      this.#ended = true;
      return '';
    }
    const at = text.indexOf('\r\n.\r\n');
    if (at === -1) return text;
    this.#ended = true;
    return text.slice(0, at + 2);
  }
}
