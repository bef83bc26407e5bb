/**
 * The header of a message that a program gave to sendmail: found, read for recipients, and completed.
 *
 * It touches as little as it can: fields that stay are kept byte for byte. Bcc goes, always: whoever reads it here
 * has delivered it, and the next reader must not see it. Text is one character a byte (latin1) throughout.
 */
import { oneLine } from '../../base/text.ts';
import { listAddresses } from './address-list.ts';

export interface Field {
  /** Lower case. */
  readonly name: string;
  /** The whole field with its folded lines, each ended by CRLF. */
  readonly raw: string;
}

/** Collects lines until the header is over. */
export class HeaderReader {
  readonly fields: Field[] = [];
  #text = '';
  #done = false;
  #first = true;

  get done(): boolean {
    return this.#done;
  }

  /** Bytes that wait for the end of their line. */
  get pending(): number {
    return this.#text.length;
  }

  /** Takes text with CRLF line ends; answers what belongs to the body. */
  push(chunk: string): string {
    if (this.#done) return chunk;
    this.#text += chunk;
    let start = 0;
    for (let end = this.#text.indexOf('\r\n'); end !== -1 && !this.#done; end = this.#text.indexOf('\r\n', start)) {
      const line = this.#text.slice(start, end + 2);
      const kept = this.#takeLine(line);
      if (kept || line === '\r\n') start = end + 2;
    }
    const rest = this.#text.slice(start);
    this.#text = this.#done ? '' : rest;
    return this.#done ? rest : '';
  }

  /** False when the line is no part of the header: the blank line that ends it, or the first line of a body. */
  #takeLine(line: string): boolean {
    const first = this.#first;
    this.#first = false;
    // The line that mailbox files begin a message with.
    if (first && /^>?From /.test(line)) return true;
    const name = /^([!-9;-~]+)[ \t]*:/.exec(line)?.[1];
    const last = this.fields.at(-1);
    if (name !== undefined) this.fields.push({ name: name.toLowerCase(), raw: line });
    else if (/^[ \t]/.test(line) && last)
      this.fields[this.fields.length - 1] = { name: last.name, raw: last.raw + line };
    else this.#done = true;
    return !this.#done;
  }
}

/** The addresses of To, Cc and Bcc as written; of the Resent fields where there are any (RFC 5322 section 3.6.6). */
export function listRecipients(fields: readonly Field[]): readonly string[] {
  const resent = fields.filter((field) => /^resent-(?:to|cc|bcc)$/.test(field.name));
  const chosen = resent.length > 0 ? resent : fields.filter((field) => /^(?:to|cc|bcc)$/.test(field.name));
  return chosen.flatMap((field) => listAddresses(fieldValue(field)));
}

/** The value, unfolded, read as UTF-8. */
export function fieldValue(field: Field): string {
  const value = field.raw.slice(field.raw.indexOf(':') + 1).replace(/\r\n/g, '');
  return Buffer.from(value, 'latin1').toString('utf8').trim();
}

/** The header as it is sent: without Bcc, with a From, ended by the blank line. */
export function formatHeader(
  fields: readonly Field[],
  from: { readonly address: string; readonly name?: string },
): Buffer {
  const kept = fields.filter((field) => field.name !== 'bcc' && field.name !== 'resent-bcc').map((field) => field.raw);
  if (!fields.some((field) => field.name === 'from')) kept.push(formatFrom(from.address, from.name));
  return Buffer.from(`${kept.join('')}\r\n`, 'latin1');
}

/** The From field. The name becomes a quoted string, or an encoded-word when it is not ASCII (RFC 2047). */
function formatFrom(address: string, name: string | undefined): string {
  const bytes = Buffer.from(address, 'utf8').toString('latin1');
  const clean = oneLine(name ?? '', 200);
  if (clean === '') return `From: ${bytes}\r\n`;
  return `From: ${formatName(clean)} <${bytes}>\r\n`;
}

function formatName(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return /^[A-Za-z0-9 ]*$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
  // An encoded-word has at most 75 characters (section 2): 15 characters are at most 60 bytes, but 4-byte ones need less.
  const words: string[] = [];
  const characters = Array.from(name);
  for (let at = 0; at < characters.length; at += 10) {
    words.push(`=?UTF-8?B?${Buffer.from(characters.slice(at, at + 10).join('')).toString('base64')}?=`);
  }
  return words.join('\r\n ');
}
