/**
 * Reads a message from standard input: line ends, the dot, header apart from body, within bounds.
 */
import type { Readable } from 'node:stream';
import type { Field } from './header.ts';
import { HeaderReader } from './header.ts';
import { LineEnds } from './line-ends.ts';
import { Spool } from './spool.ts';

/** Bytes of header that are taken; more is no header that anybody wrote. */
const MAX_HEADER = 1024 * 1024;

export type ReadMessage =
  | { readonly ok: true; readonly fields: readonly Field[]; readonly body: Spool }
  | { readonly ok: false; readonly why: string };

export interface ReadOptions {
  /** Without -i. */
  readonly dotEnds: boolean;
  /** Bytes of the whole message. */
  readonly maxSize: number;
}

/** The caller closes `body`. Rejects when the input or the temporary file can't be read or written. */
export async function readMessage(input: Readable, options: ReadOptions): Promise<ReadMessage> {
  const lines = new LineEnds({ dotEnds: options.dotEnds });
  const header = new HeaderReader();
  const body = new Spool();
  let size = 0;
  const take = async (bytes: Buffer): Promise<string | undefined> => {
    size += bytes.length;
    if (size > options.maxSize) return `the message is larger than ${options.maxSize} bytes (limits.messageSize)`;
    await body.write(header.done ? bytes : Buffer.from(header.push(bytes.toString('latin1')), 'latin1'));
    if (!header.done && size > MAX_HEADER) return `the header is larger than ${MAX_HEADER} bytes`;
    return undefined;
  };
  let why: string | undefined;
  for await (const chunk of input) {
    why = await take(lines.push(typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer)));
    if (why !== undefined || lines.ended) break;
  }
  why ??= await take(lines.end());
  if (why === undefined) return { ok: true, fields: header.fields, body };
  await body.close();
  return { ok: false, why };
}
