/** The table of a DNS server of tests, and how a server that serves it answers: aliases, "there is none" with a SOA, validated or not. */
import { AUTHENTIC, record, response, type Query, type ResponseParts, type TypeName } from './dns-wire.ts';

export type Answers =
  | readonly string[]
  /** SERVFAIL; nothing; bytes that are no answer; an answer with addresses of somebody else to a question that nobody asked. */
  | 'trouble'
  | 'silence'
  | 'rubbish'
  | 'forged'
  /** The packets to send. */
  | ((query: Query) => readonly Buffer[]);

export interface Records {
  /** `10 mx.example.org`; `0 .` is the null MX. */
  readonly MX?: Answers;
  readonly A?: Answers;
  readonly AAAA?: Answers;
  readonly TXT?: Answers;
  /** `3 1 1 HEX`. */
  readonly TLSA?: Answers;
  /** The target; it answers all other types. */
  readonly CNAME?: string;
  /** The server leaves the target of the alias out. */
  readonly alone?: boolean;
  /** Of its records, in seconds; default 60. */
  readonly ttl?: number;
  /** Of its SOA, and the minimum therein: what is not there is so for that time; default 60. `none`: there is no SOA. */
  readonly negative?: number | 'none';
  /** Validated: the answer has the AD bit, where the query asked for it. */
  readonly secure?: boolean;
  /** Milliseconds before the answer. */
  readonly delay?: number;
}

export type Table = Readonly<Record<string, Records>>;

const NO_SUCH_DOMAIN = 3;
const SERVER_FAILURE = 2;

/** The packets that answer a query. */
export function answerFrom(table: Table, query: Query): readonly Buffer[] {
  const given = find(table, query.name);
  const answers = typeof query.type === 'number' || query.type === 'SOA' ? undefined : given?.[query.type];
  if (typeof answers === 'function') return answers(query);
  if (answers === 'silence') return [];
  if (answers === 'trouble') return [response(query, { code: SERVER_FAILURE })];
  if (answers === 'rubbish') return [Buffer.concat([query.bytes.subarray(0, 2), Buffer.alloc(40, 0xff)])];
  if (answers === 'forged') return [forged(query)];
  return [response(query, lookUp(table, query))];
}

/** The same question under another id, with an address of somebody else. */
function forged(query: Query): Buffer {
  const bytes = Buffer.from(query.bytes);
  bytes.writeUInt16BE((query.id + 1) & 0xffff, 0);
  return response({ ...query, bytes }, { answers: [record('A', '192.0.2.66')] });
}

function lookUp(table: Table, query: Query): ResponseParts {
  const found: Buffer[] = [];
  let secure = query.dnssecOk;
  let { name } = query;
  for (;;) {
    const records = find(table, name);
    secure &&= records?.secure === true;
    const flags = secure ? AUTHENTIC : 0;
    const { ttl, negative } = records ?? {};
    if (records?.CNAME !== undefined && query.type !== 'CNAME' && found.length < 20) {
      found.push(record('CNAME', records.CNAME, { name, ttl }));
      if (records.alone === true) return { flags, answers: found };
      name = records.CNAME;
      continue;
    }
    const values =
      typeof query.type === 'number' ? undefined : records?.[query.type as Exclude<TypeName, 'SOA' | 'CNAME'>];
    const type = query.type as TypeName;
    const own = Array.isArray(values) ? values.map((value: string) => record(type, value, { name, ttl })) : [];
    if (own.length > 0) return { flags, answers: [...found, ...own] };
    const code = records === undefined ? NO_SUCH_DOMAIN : 0;
    return { flags, code, answers: found, authorities: soa(negative) };
  }
}

function soa(negative: number | 'none' = 60): readonly Buffer[] {
  return negative === 'none' ? [] : [record('SOA', String(negative), { name: '.', ttl: negative })];
}

function find(table: Table, name: string): Records | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
