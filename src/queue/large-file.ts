/**
 * A message that is too large to gather in memory: streamed into a file under tmp/, with room kept in front for its record
 * line, whose length and sum are only known at the end.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { bytesWentBy } from '../base/tidy-memory.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Disk } from './disk.ts';
import { messageLine } from './record.ts';
import type { QueueId } from './store.ts';

/** Bytes kept in front: an envelope of about 80 recipients. A longer one makes the content be copied once. */
const HEAD_BYTES = 8192;
const CHUNK = 256 * 1024;

export class LargeFile {
  readonly path: string;
  readonly #disk: Disk;
  readonly #opening: Promise<FileHandle>;
  #size = 0;
  #sum = 0;
  #head = HEAD_BYTES;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.path = path;
    this.#opening = disk.create(path);
    // The failure is met by the first write, which awaits the same promise.
    this.#opening.catch(() => undefined);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const at = HEAD_BYTES + this.#size;
    this.#size += chunk.length;
    this.#sum = crc32(chunk, this.#sum);
    await this.#disk.writeAt(await this.#opening, [chunk], at);
    bytesWentBy(chunk.length);
  }

  /** Writes the record line; with `sync` the file's content is durable after it. */
  async finish(record: { id: QueueId; envelope: Envelope; staged: boolean }, sync: boolean): Promise<void> {
    const file = await this.#opening;
    const line = messageLine({ ...record, length: this.#size }, this.#sum, { pad: this.#head });
    if (line.length > this.#head) await this.#makeRoom(line.length);
    await this.#disk.writeAt(file, [line], 0);
    if (sync) await this.#disk.datasync(file);
  }

  /** The content in chunks. */
  async *read(): AsyncGenerator<Uint8Array> {
    const file = await this.#opening;
    for (let at = 0; at < this.#size;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, this.#head + at);
      if (bytesRead === 0) throw new Error(`${this.path} is shorter than it was written`);
      const usable = Math.min(bytesRead, this.#size - at);
      yield buffer.subarray(0, usable);
      at += usable;
    }
  }

  async close(): Promise<void> {
    const file = await this.#opening.catch(() => undefined);
    await file?.close();
  }

  async discard(): Promise<void> {
    await this.close();
    await this.#disk.unlink(this.path);
  }

  /** Moves the content back, last chunk first, to make room for a longer line. */
  async #makeRoom(head: number): Promise<void> {
    const file = await this.#opening;
    const shift = head - this.#head;
    for (let end = this.#size; end > 0;) {
      const start = Math.max(0, end - CHUNK);
      const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, this.#head + start);
      await this.#disk.writeAt(file, [buffer], this.#head + start + shift);
      end = start;
    }
    this.#head = head;
  }
}
