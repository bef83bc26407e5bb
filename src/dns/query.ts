/**
 * A question as it goes to a server: one name, type and class, recursion wanted, and the word that long answers are welcome (EDNS,
 * RFC 6891).
 */
import { type Question, TYPE_NUMBERS } from './answer.ts';
import { writeName } from './name.ts';

export interface QueryOptions extends Question {
  /** 16 bits, random. */
  readonly id: number;
  /** Without it, a server that does not know EDNS can be asked. */
  readonly edns: boolean;
  /** Asks for the word whether the answer was validated, and for what proves it (RFC 4035 section 3.2.1). */
  readonly dnssec: boolean;
}

/** Longest answer by UDP, in bytes: what passes everywhere in one piece. */
const UDP_SIZE = 1232;
const RECURSION_DESIRED = 0x0100;
const AUTHENTIC_DATA = 0x0020;
const DNSSEC_OK = 0x8000;
const OPT = 41;
const INTERNET = 1;

/** The bytes of a query, without the length that TCP puts before it. Undefined for a name that cannot be one. */
export function encodeQuery({ id, name, type, edns, dnssec }: QueryOptions): Buffer | undefined {
  const labels = writeName(name);
  if (labels === undefined) return undefined;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  // In a query, AD says that we understand it (RFC 6840 section 5.7).
  head.writeUInt16BE(RECURSION_DESIRED | (dnssec ? AUTHENTIC_DATA : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(edns ? 1 : 0, 10);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(TYPE_NUMBERS[type], 0);
  tail.writeUInt16BE(INTERNET, 2);
  return Buffer.concat([head, labels, tail, ...(edns ? [optRecord(dnssec)] : [])]);
}

function optRecord(dnssec: boolean): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(OPT, 1);
  record.writeUInt16BE(UDP_SIZE, 3);
  record.writeUInt16BE(dnssec ? DNSSEC_OK : 0, 7);
  return record;
}
