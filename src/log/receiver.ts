/**
 * Takes lines from many clients on one socket. Whatever a client sends, the others are not harmed: what is no JSON
 * object is wrapped into a line that says so, long lines are cut, and each client costs at most one line of memory.
 */
import net from 'node:net';
import { oneLine } from '../base/text.ts';
import { Answers } from './answers.ts';
import { LineSplitter } from './line-splitter.ts';

/** Longest line taken from a client, bytes. */
const LINE_CAP = 64 * 1024;

/** Of a malformed line, this many characters are kept. */
const SHOWN = 500;

/** Farms whose connections last until the very end: the log's own, and that of the supervisor, who waits for it. */
const LASTING: ReadonlySet<unknown> = new Set(['log', 'supervisor']);

export interface ReceiverOptions {
  readonly fd?: number | undefined;
  /** For tests. */
  readonly path?: string | undefined;
  /** One good line, newline included. */
  readonly onLine: (line: Buffer) => void;
  /** What was no good line, as text that is safe to log. */
  readonly onMalformed: (why: string, text: string) => void;
  /** Lines that went to the file so far, of all clients. */
  readonly taken: () => number;
}

export interface Receiver {
  readonly clients: number;
  /** The first `count` lines of all are in the file: their clients will hear of it. */
  settled(count: number): void;
  /** Takes no new clients; resolves when those that are there have gone (but see LASTING). */
  drained(): Promise<void>;
  close(): void;
}

/** Resolves when it listens; rejects when it cannot. */
export async function openReceiver(options: ReceiverOptions): Promise<Receiver> {
  const sockets = new Map<net.Socket, { farm: unknown }>();
  const answers = new Answers();
  let onGone = (): void => undefined;
  const server = net.createServer((socket) => {
    const client = { farm: undefined as unknown };
    sockets.set(socket, client);
    const account = answers.open(socket);
    const splitter = new LineSplitter(
      LINE_CAP,
      (line, whole) => {
        takeLine(line, whole, { options, client });
        account.lines += 1;
      },
      () => void (account.asked = true),
    );
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      answers.note(account, options.taken());
    });
    // 'close' follows; why a client went doesn't matter.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      answers.forget(account);
      onGone();
    });
  });
  await listen(server, options);
  const remaining = () => [...sockets.values()].some(({ farm }) => !LASTING.has(farm));
  return {
    get clients() {
      return sockets.size;
    },
    settled: (count) => answers.settled(count),
    drained() {
      server.close();
      answers.hurry();
      return new Promise((resolve) => {
        onGone = () => void (remaining() || resolve());
        onGone();
      });
    },
    close() {
      server.close();
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

async function listen(server: net.Server, options: ReceiverOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.fd === undefined ? { path: options.path } : { fd: options.fd }, resolve);
  });
  // Out of descriptors on accept: the kernel keeps the connection waiting, the next accept takes it.
  server.on('error', () => undefined);
}

function takeLine(
  line: Buffer,
  whole: boolean,
  to: { readonly options: ReceiverOptions; readonly client: { farm: unknown } },
): void {
  const text = line.toString();
  const record = whole ? parseObject(text) : undefined;
  if (record === undefined) {
    return to.options.onMalformed(whole ? 'not a JSON object' : 'too long', oneLine(text, SHOWN));
  }
  to.client.farm ??= record.farm;
  // Written again from the text: bytes that are no UTF-8 are replaced, a CR or other white space at the end is gone.
  to.options.onLine(Buffer.from(`${text.trim()}\n`));
}

function parseObject(text: string): { readonly farm?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    // That it is no JSON is the answer.
    return undefined;
  }
}
