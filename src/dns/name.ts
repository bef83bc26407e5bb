/**
 * Domain names on the wire (RFC 1035 sections 3.1 and 4.1.4) and as text.
 *
 * Text is lower case, without a dot at its end, the root is `''`. A byte within a label that is no plain character, or is a dot,
 * reads as `\DDD` (RFC 1035 section 5.1): so two names of the wire are never one text, and no label pretends to be two.
 */

/** Longest name on the wire, in bytes, and longest label. */
const MAX_NAME = 255;
const MAX_LABEL = 63;
/** Servers need two or three; a message of pointers to pointers would cost its square. */
const MAX_POINTERS = 20;

export interface ReadName {
  readonly name: string;
  /** Where the name ends in the message, in bytes from its begin. */
  readonly end: number;
}

/** Reads a name of a message. Undefined when it leads out of the message, is too long, or runs in a circle. */
export function readName(message: Buffer, start: number): ReadName | undefined {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let length = 1;
  for (let pointers = 0; ;) {
    const size = message[at];
    if (size === undefined) return undefined;
    if (size === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if (size > MAX_LABEL) {
      const low = message[at + 1];
      pointers += 1;
      if (size < 0xc0 || low === undefined || pointers > MAX_POINTERS) return undefined;
      end ??= at + 2;
      const target = (size & 0x3f) * 256 + low;
      // Only to what stands before it, or a name could hold itself.
      if (target >= at) return undefined;
      at = target;
      continue;
    }
    length += size + 1;
    if (length > MAX_NAME || at + 1 + size > message.length) return undefined;
    labels.push(labelText(message, at + 1, at + 1 + size));
    at += 1 + size;
  }
}

/** A name as bytes of the wire. Undefined for what no name can be; labels with odd bytes are never asked for. */
export function writeName(name: string): Buffer | undefined {
  const labels = name === '' ? [] : name.split('.');
  if (labels.some((label) => !/^[\x21-\x5b\x5d-\x7e]{1,63}$/.test(label))) return undefined;
  const parts = labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')]);
  const whole = Buffer.concat([...parts, Buffer.of(0)]);
  return whole.length > MAX_NAME ? undefined : whole;
}

/** Lower case, without the dot that ends a name in zone files. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function labelText(message: Buffer, from: number, to: number): string {
  const text = message.toString('latin1', from, to);
  if (/^[a-z0-9_-]*$/.test(text)) return text;
  return text
    .replace(/[^\x21-\x7e]|[.\\]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`)
    .toLowerCase();
}
