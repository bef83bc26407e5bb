/**
 * Replies of DNS servers taken apart (RFC 1035 section 4). Any bytes may come: what is not well formed gives undefined, never an
 * exception, and costs no more than its length.
 */
import { type Question, TYPE_NUMBERS } from './answer.ts';
import { readName } from './name.ts';
import { readRecord, type ResourceRecord } from './record.ts';

export interface Message {
  readonly code: number;
  /** The server asks others for us. */
  readonly recursive: boolean;
  /** The server says that it validated the answer (AD, RFC 4035 section 3.2.3). */
  readonly authentic: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
}

export type Reply =
  /** Not to this question: of somebody else, or bytes without sense. */
  | { readonly kind: 'foreign' }
  /** To this question, and longer than UDP takes. */
  | { readonly kind: 'truncated' }
  /** To this question, and broken behind it. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'message'; readonly message: Message };

export interface Expected extends Question {
  readonly id: number;
}

const HEAD = 12;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const TRUNCATED = 0x0200;
const RECURSION_AVAILABLE = 0x0080;
const AUTHENTIC_DATA = 0x0020;
const OPT = 41;
const INTERNET = 1;
/** Of all sections; longer answers are of no use, and each record may cost the length of a name. */
const MAX_RECORDS = 4000;

/** Reads a reply to one question. */
export function readReply(bytes: Buffer, expected: Expected): Reply {
  const questionEnd = matchQuestion(bytes, expected);
  if (questionEnd === undefined) return { kind: 'foreign' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & TRUNCATED) !== 0) return { kind: 'truncated' };
  const counts = [6, 8, 10].map((at) => bytes.readUInt16BE(at));
  const [answered = 0, authoritative = 0] = counts;
  const records = readRecords(
    bytes,
    questionEnd,
    counts.reduce((sum, count) => sum + count, 0),
  );
  if (records === undefined) return { kind: 'malformed' };
  const extra = records.slice(answered + authoritative);
  return {
    kind: 'message',
    message: {
      code: (flags & 0xf) + 16 * extendedCode(extra),
      recursive: (flags & RECURSION_AVAILABLE) !== 0,
      authentic: (flags & AUTHENTIC_DATA) !== 0,
      answers: records.slice(0, answered),
      authorities: records.slice(answered, answered + authoritative),
    },
  };
}

/** Where the question ends, when this is a response to it. */
function matchQuestion(bytes: Buffer, { id, name, type }: Expected): number | undefined {
  if (bytes.length < HEAD || bytes.readUInt16BE(0) !== id) return undefined;
  if ((bytes.readUInt16BE(2) & (RESPONSE | OPCODE)) !== RESPONSE || bytes.readUInt16BE(4) !== 1) return undefined;
  const asked = readName(bytes, HEAD);
  if (asked?.name !== name || asked.end + 4 > bytes.length) return undefined;
  const same = bytes.readUInt16BE(asked.end) === TYPE_NUMBERS[type] && bytes.readUInt16BE(asked.end + 2) === INTERNET;
  return same ? asked.end + 4 : undefined;
}

function readRecords(bytes: Buffer, start: number, count: number): ResourceRecord[] | undefined {
  if (count > MAX_RECORDS) return undefined;
  const records: ResourceRecord[] = [];
  let at = start;
  while (records.length < count) {
    const read = readRecord(bytes, at);
    if (read === undefined) return undefined;
    records.push(read.record);
    at = read.end;
  }
  return records;
}

/** What the record of EDNS adds to the code (RFC 6891 section 6.1.3). */
function extendedCode(records: readonly ResourceRecord[]): number {
  const opt = records.find(({ type, data }) => type === 'other' && data === OPT);
  return opt === undefined ? 0 : opt.ttl >>> 24;
}
