/** Resource records of a message (RFC 1035 section 3.2.1): those types whose content matters here, read strictly. */
import type { MxRecord, TlsaRecord } from './answer.ts';
import { readName } from './name.ts';

export type Content =
  | { readonly type: 'A' | 'AAAA' | 'TXT' | 'CNAME'; readonly data: string }
  | { readonly type: 'MX'; readonly data: MxRecord }
  | { readonly type: 'TLSA'; readonly data: TlsaRecord }
  /** `data`: the seconds for which "there is none" may be remembered (RFC 2308 section 4), as the message has them. */
  | { readonly type: 'SOA'; readonly data: number }
  /** Read over; `data` is its number. */
  | { readonly type: 'other'; readonly data: number };

export type ResourceRecord = Content & {
  readonly name: string;
  /** Seconds, as the message has it: see usableTtl(). */
  readonly ttl: number;
};

/** Where the content of a record is, in bytes of the message. */
interface Place {
  readonly message: Buffer;
  readonly start: number;
  readonly end: number;
}

const INTERNET = 1;
const FIXED = 10;

/** One record and where it ends. Undefined when it is cut off, or its content is not what its type says. */
export function readRecord(
  message: Buffer,
  at: number,
): { readonly record: ResourceRecord; readonly end: number } | undefined {
  const owner = readName(message, at);
  if (owner === undefined || owner.end + FIXED > message.length) return undefined;
  const number = message.readUInt16BE(owner.end);
  const kind = message.readUInt16BE(owner.end + 2);
  const ttl = message.readUInt32BE(owner.end + 4);
  const start = owner.end + FIXED;
  const end = start + message.readUInt16BE(owner.end + 8);
  if (end > message.length) return undefined;
  const content = kind === INTERNET ? readContent(number, { message, start, end }) : other(number);
  if (content === undefined) return undefined;
  return { record: { ...content, name: owner.name, ttl }, end };
}

function readContent(number: number, place: Place): Content | undefined {
  switch (number) {
    case 1:
      return readAddress(place, 'A', 4);
    case 28:
      return readAddress(place, 'AAAA', 16);
    case 5:
      return readAlias(place);
    case 6:
      return readSoa(place);
    case 15:
      return readMx(place);
    case 16:
      return readText(place);
    case 52:
      return readTlsa(place);
    default:
      return other(number);
  }
}

function other(number: number): Content {
  return { type: 'other', data: number };
}

function readAddress({ message, start, end }: Place, type: 'A' | 'AAAA', size: number): Content | undefined {
  if (end - start !== size) return undefined;
  if (type === 'A') return { type, data: message.subarray(start, end).join('.') };
  const groups = Array.from({ length: 8 }, (_, n) => message.readUInt16BE(start + 2 * n).toString(16));
  // RFC 5952 form, as the URL parser writes it.
  return { type, data: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) };
}

function readAlias({ message, start, end }: Place): Content | undefined {
  const target = readName(message, start);
  return target?.end === end ? { type: 'CNAME', data: target.name } : undefined;
}

function readMx({ message, start, end }: Place): Content | undefined {
  if (end - start < 3) return undefined;
  const exchange = readName(message, start + 2);
  if (exchange?.end !== end) return undefined;
  return { type: 'MX', data: { preference: message.readUInt16BE(start), exchange: exchange.name } };
}

function readSoa({ message, start, end }: Place): Content | undefined {
  const primary = readName(message, start);
  const mailbox = primary && readName(message, primary.end);
  if (mailbox === undefined || mailbox.end + 20 !== end) return undefined;
  return { type: 'SOA', data: message.readUInt32BE(mailbox.end + 16) };
}

function readText({ message, start, end }: Place): Content | undefined {
  const parts: string[] = [];
  for (let at = start; at < end;) {
    const size = message[at] ?? 0;
    if (at + 1 + size > end) return undefined;
    parts.push(message.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
  return parts.length === 0 ? undefined : { type: 'TXT', data: parts.join('') };
}

function readTlsa({ message, start, end }: Place): Content | undefined {
  if (end - start < 3) return undefined;
  const [usage = 0, selector = 0, matching = 0] = message.subarray(start, start + 3);
  // Copied: a part would keep the whole message.
  return { type: 'TLSA', data: { usage, selector, matching, data: Buffer.from(message.subarray(start + 3, end)) } };
}
