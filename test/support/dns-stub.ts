/**
 * A DNS server for tests, over UDP: answers MX, A and AAAA from a table; everything else in it is NXDOMAIN.
 *
 * A name that is in the table, but not with the type asked for, has no data (NOERROR). `trouble` answers SERVFAIL, `silence`
 * nothing, `rubbish` bytes that are no answer, `forged` with addresses of somebody else to a question that nobody asked. The table
 * is looked at for each question: a test may change it.
 */
import dgram from 'node:dgram';

export type Answers = readonly string[] | 'trouble' | 'silence' | 'rubbish' | 'forged';

export interface Records {
  /** `10 mx.example.org`; `0 .` is the null MX. */
  readonly MX?: Answers;
  readonly A?: Answers;
  readonly AAAA?: Answers;
  /** Milliseconds before the answer. */
  readonly delay?: number;
}

export interface DnsStub {
  /** For Resolver.setServers(). */
  readonly address: string;
  /** Questions asked, as `MX example.org`. */
  readonly asked: string[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const TYPES: Readonly<Record<number, 'A' | 'MX' | 'AAAA'>> = { 1: 'A', 15: 'MX', 28: 'AAAA' };

export async function startDnsStub(table: Readonly<Record<string, Records>>): Promise<DnsStub> {
  const asked: string[] = [];
  const late = new Set<NodeJS.Timeout>();
  const socket = dgram.createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, end } = readName(query);
    const number = query.readUInt16BE(end);
    const type = TYPES[number];
    asked.push(`${type ?? number} ${name}`);
    const known = Object.hasOwn(table, name) ? table[name] : undefined;
    const records = type === undefined ? [] : (known?.[type] ?? []);
    if (records === 'silence') return;
    const code = known === undefined ? 3 : records === 'trouble' ? 2 : 0;
    const send = (bytes: Buffer): void => socket.send(bytes, from.port, from.address);
    if (records === 'rubbish') return send(Buffer.concat([query.subarray(0, 2), Buffer.alloc(40, 0xff)]));
    if (records === 'forged') {
      const other = Buffer.from(query);
      other.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
      return send(response(other, end + 4, 0, [answer(1, '192.0.2.66')]));
    }
    const answers = records === 'trouble' ? [] : records.map((record) => answer(number, record));
    const whole = response(query, end + 4, code, answers);
    if (known?.delay === undefined) return send(whole);
    const timer = setTimeout(() => {
      late.delete(timer);
      send(whole);
    }, known.delay);
    late.add(timer);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const close = (): Promise<void> => {
    for (const timer of late) clearTimeout(timer);
    return new Promise((resolve) => socket.close(() => resolve()));
  };
  return { address: `127.0.0.1:${socket.address().port}`, asked, close, [Symbol.asyncDispose]: close };
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function response(query: Buffer, questionEnd: number, code: number, answers: readonly Buffer[]): Buffer {
  const head = Buffer.from(query.subarray(0, questionEnd));
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...answers]);
}

function answer(type: number, record: string): Buffer {
  const data = recordData(type, record);
  const head = Buffer.alloc(12);
  // The name of the question, by reference.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function recordData(type: number, record: string): Buffer {
  if (type === 1) return Buffer.from(record.split('.').map(Number));
  if (type === 28) return ipv6Bytes(record);
  const [priority, name] = record.split(' ');
  const number = Buffer.alloc(2);
  number.writeUInt16BE(Number(priority));
  return Buffer.concat([number, nameBytes(name ?? '.')]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.of(0)]);
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
