/**
 * Source text with everything blanked that is not code: comments, and the inside of strings, templates and regular
 * expressions. Same length and same lines, so positions hold; what was in strings is listed beside it.
 */

export interface Masked {
  readonly code: string;
  /** Content of plain strings by the position of their opening quote. */
  readonly strings: ReadonlyMap<number, string>;
}

/** A slash after one of these begins a regular expression. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|yield|await|void|delete))$/;

export function maskSource(source: string): Masked {
  return new Masker(source).run();
}

class Masker {
  readonly #source: string;
  readonly #out: string[] = [];
  readonly #strings = new Map<number, string>();
  /** For each open template expression, the depth of braces in it. */
  readonly #templates: number[] = [];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Masked {
    while (this.#at < this.#source.length) this.#step();
    return { code: this.#out.join(''), strings: this.#strings };
  }

  #step(): void {
    const char = this.#source[this.#at] ?? '';
    const two = this.#source.slice(this.#at, this.#at + 2);
    if (two === '//') return this.#blankTo(this.#find('\n'));
    if (two === '/*') return this.#blankTo(this.#find('*/') + 2);
    if (char === "'" || char === '"') return this.#string(char);
    if (char === '`') return this.#template();
    if (char === '/' && BEFORE_REGEX.test(this.#lastCode())) return this.#regex();
    if (char === '{' && this.#templates.length > 0) this.#templates.push((this.#templates.pop() ?? 0) + 1);
    if (char === '}' && this.#templates.length > 0) {
      const depth = this.#templates.pop() ?? 0;
      if (depth === 0) return this.#template();
      this.#templates.push(depth - 1);
    }
    this.#keep();
  }

  #string(quote: string): void {
    const start = this.#at;
    let end = start + 1;
    while (end < this.#source.length && this.#source[end] !== quote && this.#source[end] !== '\n') {
      end += this.#source[end] === '\\' ? 2 : 1;
    }
    this.#strings.set(start, this.#source.slice(start + 1, end));
    this.#keep();
    this.#blankTo(end);
    this.#keep();
  }

  /** From a backtick, or from the brace that ends an expression, to the next expression or the end. */
  #template(): void {
    this.#keep();
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at];
      if (char === '`') return this.#keep();
      if (char === '$' && this.#source[this.#at + 1] === '{') {
        this.#templates.push(0);
        this.#keep();
        return this.#keep();
      }
      this.#blankTo(this.#at + (char === '\\' ? 2 : 1));
    }
  }

  #regex(): void {
    this.#keep();
    let inClass = false;
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at];
      if (char === '/' && !inClass) break;
      if (char === '[') inClass = true;
      if (char === ']') inClass = false;
      this.#blankTo(this.#at + (char === '\\' ? 2 : 1));
    }
    this.#keep();
  }

  /** The end of the code so far, without blanks. */
  #lastCode(): string {
    return this.#out.slice(-200).join('').trimEnd().slice(-12);
  }

  #find(text: string): number {
    const found = this.#source.indexOf(text, this.#at);
    return found < 0 ? this.#source.length : found;
  }

  #keep(): void {
    this.#out.push(this.#source[this.#at] ?? '');
    this.#at += 1;
  }

  #blankTo(end: number): void {
    const text = this.#source.slice(this.#at, end);
    this.#out.push(text.replace(/[^\n]/g, ' '));
    this.#at += text.length;
  }
}
