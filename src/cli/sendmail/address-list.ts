/**
 * Takes the addresses out of a To, Cc or Bcc value (RFC 5322 section 3.4), for `sendmail -t`.
 *
 * One pass, no recursion, no backtracking: comments, groups and quoted strings of any depth or length cost linear
 * time. It does not judge the addresses, it only finds where each begins and ends; parseAddress() judges. Bare words
 * without a domain (`To: root`) are addresses too: cron writes them.
 */

/** States: text (a phrase or a bare address), angle (between < and >). Quoted strings, comments and literals are steps. */
class AddressScanner {
  readonly found: string[] = [];
  #text = '';
  #angle: string | undefined;
  #space = false;
  readonly #value: string;
  #at = 0;

  constructor(value: string) {
    this.#value = value;
  }

  scan(): readonly string[] {
    while (this.#at < this.#value.length) this.#step(this.#value.charAt(this.#at));
    this.#finish();
    return this.found;
  }

  #step(char: string): void {
    if (char === '"') this.#add(this.#take('"', '\\'));
    else if (char === '[') this.#add(this.#take(']', '\\'));
    else if (char === '(') this.#skipComment();
    else if (char === '<') this.#openAngle();
    else {
      this.#at += 1;
      if (char === ',' || char === ';') this.#finish();
      else if (char === ':' && !this.#text.includes('@')) this.#text = '';
      else if (/\s/.test(char)) this.#space = true;
      else this.#add(char);
    }
  }

  /** Adds a token; white space stays where it separates words, and goes around `@` and `.` (RFC 5322 section 4.4). */
  #add(token: string): void {
    const joins = token === '@' || token === '.' || this.#text === '' || /[@.]$/.test(this.#text);
    this.#text += this.#space && !joins ? ` ${token}` : token;
    this.#space = false;
  }

  /** A delimited token with its delimiters; an open one goes to the end of the value. */
  #take(end: string, escape: string): string {
    const start = this.#at;
    for (this.#at += 1; this.#at < this.#value.length; this.#at += 1) {
      const char = this.#value.charAt(this.#at);
      if (char === escape) this.#at += 1;
      else if (char === end) break;
    }
    this.#at += 1;
    return this.#value.slice(start, this.#at);
  }

  #skipComment(): void {
    let depth = 0;
    for (; this.#at < this.#value.length; this.#at += 1) {
      const char = this.#value.charAt(this.#at);
      if (char === '\\') this.#at += 1;
      else if (char === '(') depth += 1;
      else if (char === ')' && (depth -= 1) === 0) break;
    }
    this.#at += 1;
    this.#space = true;
  }

  /** What stands between the brackets is the address; what stood before was a name. */
  #openAngle(): void {
    this.#text = '';
    this.#space = false;
    this.#at += 1;
    while (this.#at < this.#value.length && this.#value.charAt(this.#at) !== '>') {
      const char = this.#value.charAt(this.#at);
      if (char === '"') this.#add(this.#take('"', '\\'));
      else {
        this.#at += 1;
        if (/\s/.test(char)) this.#space = true;
        else this.#add(char);
      }
    }
    this.#at += 1;
    this.#angle = this.#text;
    this.#text = '';
  }

  #finish(): void {
    const address = this.#angle ?? this.#text;
    if (address !== '') this.found.push(address);
    this.#angle = undefined;
    this.#text = '';
    this.#space = false;
  }
}

/** The addresses of a header value, as written, in order. Empty groups have none. */
export function listAddresses(value: string): readonly string[] {
  return new AddressScanner(value).scan();
}
