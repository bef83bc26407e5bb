/**
 * Loaded into the farm's processes before anything else (NODE_OPTIONS=--import), by the benchmark only: counts each sync
 * of a file or folder and lets it take longer, as a slower disk would. The work of the disk is done first; the delay comes on top.
 *
 * Query of its URL: `delay`, milliseconds; `counts`, a folder that takes a file of each process when it ends.
 */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';

const { searchParams } = new URL(import.meta.url);
const delayMs = Number(searchParams.get('delay'));
const folder = searchParams.get('counts');
let syncs = 0;

await slowHandles();
fs.fsync = slowCallback(fs.fsync);
fs.fdatasync = slowCallback(fs.fdatasync);
fs.fsyncSync = slowSync(fs.fsyncSync);
fs.fdatasyncSync = slowSync(fs.fdatasyncSync);
syncBuiltinESMExports();

process.on('exit', () => {
  if (folder === null || syncs === 0) return;
  const name = /^mailfarm: (\S+)/.exec(process.title)?.[1] ?? 'starting';
  fs.writeFileSync(join(folder, `${process.pid}-${threadId}.json`), JSON.stringify({ name, syncs }));
});

/** The class of file handles is not exported: its prototype is that of any handle. */
async function slowHandles(): Promise<void> {
  const handle = await open(fileURLToPath(import.meta.url));
  const prototype = Object.getPrototypeOf(handle) as Record<'sync' | 'datasync', () => Promise<void>>;
  await handle.close();
  for (const name of ['sync', 'datasync'] as const) {
    const original = prototype[name];
    prototype[name] = async function slow(this: unknown) {
      syncs += 1;
      await original.call(this);
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    };
  }
}

function slowCallback<T extends typeof fs.fsync>(original: T): T {
  const slow = (fd: number, callback: fs.NoParamCallback): void => {
    syncs += 1;
    original(fd, (error) => setTimeout(callback, delayMs, error));
  };
  return Object.assign(slow, original);
}

function slowSync(original: (fd: number) => void): (fd: number) => void {
  return (fd) => {
    syncs += 1;
    original(fd);
    if (delayMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
  };
}
