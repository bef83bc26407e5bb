/**
 * DNS messages as a server of tests reads and writes them; by hand and apart from the code under test, so that no mistake is
 * made twice.
 */

/** Numbers of the types that the server knows. */
export const TYPES = { A: 1, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;
export type TypeName = keyof typeof TYPES;

export interface Query {
  readonly bytes: Buffer;
  readonly way: 'udp' | 'tcp';
  /** Of the client. */
  readonly port: number;
  readonly id: number;
  readonly name: string;
  /** The name of a type that is known here, else its number. */
  readonly type: TypeName | number;
  /** Where the question ends. */
  readonly end: number;
  /** Longest answer by UDP, in bytes; undefined without EDNS. */
  readonly size: number | undefined;
  readonly dnssecOk: boolean;
}

export interface ResponseParts {
  readonly code?: number;
  /** Bits to set in the second and third 16 bits, beside response, recursion desired and available. */
  readonly flags?: number;
  readonly answers?: readonly Buffer[];
  readonly authorities?: readonly Buffer[];
  readonly additionals?: readonly Buffer[];
}

export const TRUNCATED = 0x0200;
export const AUTHENTIC = 0x0020;
const OPT = 41;

export function readQuery(bytes: Buffer, way: 'udp' | 'tcp', port: number): Query {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length !== 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = bytes.readUInt16BE(at + 1);
  const end = at + 5;
  const type = (Object.keys(TYPES) as TypeName[]).find((name) => TYPES[name] === number) ?? number;
  const edns = bytes.readUInt16BE(10) === 1 && bytes.readUInt16BE(end + 1) === OPT;
  return {
    bytes,
    way,
    port,
    id: bytes.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type,
    end,
    size: edns ? bytes.readUInt16BE(end + 3) : undefined,
    dnssecOk: edns && (bytes.readUInt16BE(end + 7) & 0x8000) !== 0,
  };
}

/** A response to the query: its question, and what is given. */
export function response({ bytes, end }: Query, parts: ResponseParts = {}): Buffer {
  const { code = 0, flags = 0, answers = [], authorities = [], additionals = [] } = parts;
  const head = Buffer.from(bytes.subarray(0, end));
  head.writeUInt16BE(0x8180 | flags | code, 2);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(authorities.length, 8);
  head.writeUInt16BE(additionals.length, 10);
  return Buffer.concat([head, ...answers, ...authorities, ...additionals]);
}

/** A record; without a name, that of the question, by reference. Its content as text (see content()) or as bytes. */
export function record(
  type: TypeName,
  value: string | Buffer,
  { name, ttl = 60 }: { readonly name?: string | undefined; readonly ttl?: number | undefined } = {},
): Buffer {
  const data = typeof value === 'string' ? content(type, value) : value;
  const owner = name === undefined ? Buffer.of(0xc0, 12) : nameBytes(name);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

/** `192.0.2.1`; `2001:db8::1`; `10 mx.example.org`; the target of a CNAME; `3 1 1 HEX`; the minimum of a SOA; a text. */
function content(type: TypeName, text: string): Buffer {
  switch (type) {
    case 'A':
      return Buffer.from(text.split('.').map(Number));
    case 'AAAA':
      return ipv6Bytes(text);
    case 'CNAME':
      return nameBytes(text);
    case 'MX': {
      const [preference, name = '.'] = text.split(/ (.*)/);
      return Buffer.concat([number16(Number(preference)), nameBytes(name)]);
    }
    case 'SOA':
      return Buffer.concat([
        nameBytes('ns.test'),
        nameBytes('admin.test'),
        ...[1, 2, 3, 4, Number(text)].map(number32),
      ]);
    case 'TLSA': {
      const [usage, selector, matching, hex = ''] = text.split(' ');
      return Buffer.concat([Buffer.from([usage, selector, matching].map(Number)), Buffer.from(hex, 'hex')]);
    }
    case 'TXT':
      return textStrings(Buffer.from(text, 'latin1'));
  }
}

export function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const bytes = labels.map((label) => Buffer.from(label, 'latin1'));
  return Buffer.concat([...bytes.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
}

function textStrings(bytes: Buffer): Buffer {
  const strings = Array.from({ length: Math.max(1, Math.ceil(bytes.length / 255)) }, (_, n) =>
    bytes.subarray(n * 255, (n + 1) * 255),
  );
  return Buffer.concat(strings.flatMap((part) => [Buffer.of(part.length), part]));
}

function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Full groups, or `::` once. */
function ipv6Bytes(address: string): Buffer {
  const [left = '', right] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail];
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')));
}
