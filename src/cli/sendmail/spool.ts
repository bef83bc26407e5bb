/**
 * Keeps the body of a message while its fate is open: in memory while it is small, in a nameless temporary file when
 * it is not. So a message may be sent, and sent again, without memory growing with its size.
 *
 * The file is opened and removed at once: whatever ends this process, nothing is left behind.
 */
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const IN_MEMORY = 1024 * 1024;

export class Spool {
  #chunks: Buffer[] = [];
  #file: FileHandle | undefined;
  #size = 0;
  #eightBit = false;
  readonly #inMemory: number;

  /** `inMemory`: bytes that are kept without a file. */
  constructor(inMemory = IN_MEMORY) {
    this.#inMemory = inMemory;
  }

  get size(): number {
    return this.#size;
  }

  /** A byte above 127 was written. */
  get eightBit(): boolean {
    return this.#eightBit;
  }

  async write(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return;
    this.#eightBit ||= /[\x80-\xff]/.test(chunk.toString('latin1'));
    this.#size += chunk.length;
    if (this.#file === undefined && this.#size <= this.#inMemory) {
      this.#chunks.push(chunk);
      return;
    }
    this.#file ??= await openNameless();
    const chunks = [...this.#chunks, chunk];
    this.#chunks = [];
    for (const part of chunks) await this.#file.appendFile(part);
  }

  /** The content from its beginning, as often as wanted. */
  async *read(): AsyncGenerator<Buffer> {
    if (this.#file === undefined) {
      yield* this.#chunks;
      return;
    }
    for (let position = 0; position < this.#size;) {
      const { bytesRead, buffer } = await this.#file.read({ buffer: Buffer.allocUnsafe(65_536), position });
      if (bytesRead === 0) throw new Error('the temporary file became shorter');
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async close(): Promise<void> {
    this.#chunks = [];
    await this.#file?.close();
    this.#file = undefined;
  }
}

async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mailfarm-'));
  try {
    return await open(path.join(folder, 'body'), 'wx+', 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
