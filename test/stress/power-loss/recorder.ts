/**
 * Preloaded into every process of a farm (NODE_OPTIONS=--import), before any of our code: writes down each call that changes the
 * queue or a Maildir, with the time before and after it. See README.md for what the record is good for.
 *
 * MAILFARM_RECORD_VAR is the farm's var, MAILFARM_RECORD_INTO the folder of the record: one file for each process, a line before
 * each call and a line after it. Lines are written at once, so a SIGKILL loses none. What could change a file in a way that is not
 * written down throws, and says so in the record. MAILFARM_RECORD_SKIP is a pattern of calls that are only pretended: a planted
 * mistake. MAILFARM_RECORD_DIE is one of calls after which the process kills itself, once in the life of the record.
 */
import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

const { MAILFARM_RECORD_VAR: base = '', MAILFARM_RECORD_INTO: into = '' } = process.env;
const skip = patternOf('MAILFARM_RECORD_SKIP');
const die = patternOf('MAILFARM_RECORD_DIE');

type Call = (...args: never[]) => unknown;
type Functions = Record<string, Call>;
type Fields = Record<string, string | number | boolean>;

interface Open {
  readonly handle: number;
  readonly file: string;
  /** Where the next write without a position goes. */
  at: number;
  readonly appends: boolean;
}

const opened = new WeakMap<object, Open>();
const descriptors = new Set<number>();
let calls = 0;
let handles = 0;
let out = -1;
const { openSync, writeSync, existsSync } = fs;

function patternOf(name: string): RegExp | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : new RegExp(text);
}

function say(line: Fields): void {
  if (out < 0) out = openSync(`${into}/${process.pid}-${process.hrtime.bigint()}.jsonl`, 'ax', 0o644);
  writeSync(out, `${JSON.stringify(line)}\n`);
}

/** The path below var when the record covers it: var itself, the queue without its scratch index, the Maildirs. */
function scope(file: unknown): string | undefined {
  if (typeof file !== 'string') return undefined;
  const below = path.relative(base, path.resolve(file));
  if (below.startsWith('queue/index.db')) return undefined;
  return below === '' || /^(?:queue|mail)(?:\/|$)/.test(below) ? below : undefined;
}

function begin(fields: Fields): number {
  calls += 1;
  say({ n: calls, b: String(process.hrtime.bigint()), ...fields });
  return calls;
}

function end(n: number, fields: Fields = {}): void {
  say({ n, e: String(process.hrtime.bigint()), ...fields });
}

function nameOf(fields: Fields): string {
  const { op, path: file = fields['file'], to } = fields;
  return [op, file, to].filter((part) => part !== undefined).join(' ');
}

/** Only one process dies, and its successor lives. */
function dieHere(fields: Fields): void {
  const mark = `${into}/died`;
  if (die?.test(nameOf(fields)) !== true || existsSync(mark)) return;
  openSync(mark, 'w');
  process.kill(process.pid, 'SIGKILL');
}

/** Does the call between its two lines; `told` makes fields of its result. */
async function recorded<T>(
  fields: Fields,
  work: () => Promise<T>,
  told: (result: T) => Fields = () => ({}),
): Promise<T> {
  if (skip?.test(nameOf(fields)) === true) return undefined as T;
  const n = begin(fields);
  try {
    const result = await work();
    dieHere(fields);
    end(n, told(result));
    return result;
  } catch (error) {
    end(n, { error: (error as NodeJS.ErrnoException).code ?? String(error) });
    throw error;
  }
}

function refuse(what: string): never {
  say({ unrecorded: what });
  throw new Error(`the recorder does not know ${what}`);
}

function numericFlags(flags: unknown): number {
  const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_EXCL } = fs.constants;
  if (typeof flags === 'number') return flags;
  const known: Record<string, number> = {
    r: O_RDONLY,
    'r+': O_RDWR,
    w: O_WRONLY | O_CREAT | O_TRUNC,
    wx: O_WRONLY | O_CREAT | O_EXCL,
    a: O_WRONLY | O_CREAT | O_APPEND,
  };
  const name = typeof flags === 'string' ? flags : 'r';
  return known[name] ?? refuse(`open with flags ${name}`);
}

function patchPromises(promises: Functions): void {
  const real = { ...promises };
  const openFile = async (file: unknown, flags: unknown, mode: unknown): Promise<FileHandle> => {
    const below = scope(file);
    if (below === undefined) return (await real['open']?.(file as never, flags as never, mode as never)) as FileHandle;
    const bits = numericFlags(flags);
    const { O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = fs.constants;
    const kind = {
      creates: (bits & O_CREAT) !== 0,
      exclusive: (bits & O_EXCL) !== 0,
      truncates: (bits & O_TRUNC) !== 0,
    };
    const handle = (handles += 1);
    const fields = { op: 'open', path: below, handle, ...kind };
    return recorded(fields, async () => {
      const opening = await (real['open']?.(file as never, flags as never, mode as never) as Promise<FileHandle>);
      opened.set(opening, { handle, file: below, at: 0, appends: (bits & O_APPEND) !== 0 });
      descriptors.add(opening.fd);
      return opening;
    });
  };
  promises['open'] = openFile;
  promises['writeFile'] = async (file: unknown, data: unknown, options: { flag?: string; mode?: number } = {}) => {
    if (scope(file) === undefined) return real['writeFile']?.(file as never, data as never, options as never);
    const opening = await openFile(file, options.flag ?? 'w', options.mode ?? 0o666);
    try {
      await opening.writeFile(data as Buffer);
    } finally {
      await opening.close();
    }
    return undefined;
  };
  patchNames(promises, real);
}

/** Calls on names: mkdir, link, rename, unlink. */
function patchNames(promises: Functions, real: Functions): void {
  promises['mkdir'] = (file: unknown, options: unknown) => {
    const work = (): Promise<unknown> => real['mkdir']?.(file as never, options as never) as Promise<unknown>;
    const below = scope(file);
    if (below === undefined) return work();
    const recursive = (options as { recursive?: boolean } | undefined)?.recursive === true;
    return recorded({ op: 'mkdir', path: below, recursive }, work);
  };
  promises['unlink'] = (file: unknown) => {
    const work = (): Promise<unknown> => real['unlink']?.(file as never) as Promise<unknown>;
    const below = scope(file);
    return below === undefined ? work() : recorded({ op: 'unlink', path: below }, work);
  };
  for (const op of ['link', 'rename']) {
    promises[op] = (from: unknown, to: unknown) => {
      const work = (): Promise<unknown> => real[op]?.(from as never, to as never) as Promise<unknown>;
      const [old, fresh] = [scope(from), scope(to)];
      if (old === undefined && fresh === undefined) return work();
      if (old === undefined || fresh === undefined) refuse(`${op} ${String(from)} ${String(to)}`);
      return recorded({ op, path: old, to: fresh }, work);
    };
  }
}

function patchHandles(prototype: Functions): void {
  const real: Functions = {};
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof value === 'function') real[name] = value as Call;
  }
  const wrap = (name: string, fields: (open: Open, args: unknown[]) => Fields): void => {
    prototype[name] = function wrapped(this: FileHandle, ...args: unknown[]): unknown {
      const open = opened.get(this);
      const work = (): Promise<unknown> => real[name]?.apply(this, args as never[]) as Promise<unknown>;
      if (open === undefined) return work();
      const told = (result: unknown): Fields => {
        const { bytesWritten } = (result ?? {}) as { bytesWritten?: number };
        return bytesWritten === undefined ? {} : { bytes: bytesWritten };
      };
      return recorded({ handle: open.handle, file: open.file, ...fields(open, args) }, work, told);
    };
  };
  wrap('sync', () => ({ op: 'sync' }));
  wrap('datasync', () => ({ op: 'sync' }));
  wrap('truncate', (_open, [length]) => ({ op: 'truncate', length: Number(length ?? 0) }));
  wrap('writev', (open, [buffers, position]) => write(open, Buffer.concat(buffers as Buffer[]), position));
  wrap('write', (open, [buffer, offset, length, position]) => {
    if (!Buffer.isBuffer(buffer) || typeof offset !== 'number') return refuse('FileHandle.write in this form');
    return write(open, buffer.subarray(offset, offset + Number(length)), position);
  });
  wrap('writeFile', (open, [data]) => {
    if (!Buffer.isBuffer(data) && typeof data !== 'string') return refuse('FileHandle.writeFile of a stream');
    return write(open, Buffer.from(data as string), undefined);
  });
  for (const name of ['appendFile', 'createWriteStream']) {
    prototype[name] = function refused(this: FileHandle, ...args: unknown[]): unknown {
      if (opened.has(this)) refuse(`FileHandle.${name} of ${opened.get(this)?.file}`);
      return real[name]?.apply(this, args as never[]);
    };
  }
  prototype['close'] = function close(this: FileHandle): unknown {
    descriptors.delete(this.fd);
    return real['close']?.apply(this);
  };
}

/** A position of -1: at the end, wherever that is then. */
function write(open: Open, data: Buffer, position: unknown): Fields {
  const at = typeof position === 'number' ? position : open.at;
  if (typeof position !== 'number') open.at += data.length;
  return { op: 'write', at: open.appends ? -1 : at, data: data.toString('base64') };
}

const BY_PATH = ['appendFile', 'copyFile', 'cp', 'createWriteStream', 'link', 'lutimes', 'mkdir', 'mkdtemp', 'rename'];
const BY_PATH_TOO = ['rm', 'rmdir', 'symlink', 'truncate', 'unlink', 'writeFile'];
const BY_DESCRIPTOR = ['ftruncate', 'write', 'writev', 'fsync', 'fdatasync', 'appendFile', 'writeFile'];

/** Everything else that changes files throws when it is used on ours, so that nothing is missed. */
function guard(functions: Functions, names: readonly string[], where: string): void {
  for (const name of names) {
    const real = functions[name];
    if (real === undefined) continue;
    functions[name] = function guarded(this: unknown, ...args: unknown[]): unknown {
      const byPath = args.slice(0, 2).some((arg) => scope(arg) !== undefined && !name.startsWith('mkdtemp'));
      if (byPath || (typeof args[0] === 'number' && descriptors.has(args[0])))
        refuse(`${where}.${name} ${String(args[0])}`);
      return real.apply(this, args as never[]);
    };
  }
}

const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
/** What changes a file, or may. */
const CHANGES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

function guardOpen(functions: Functions, name: string): void {
  const real = functions[name];
  functions[name] = function guarded(this: unknown, ...args: unknown[]): unknown {
    const flags = typeof args[1] === 'function' ? 'r' : args[1];
    if (scope(args[0]) !== undefined && (numericFlags(flags) & CHANGES) !== 0) refuse(`fs.${name} ${String(args[0])}`);
    return real?.apply(this, args as never[]);
  };
}

async function install(): Promise<void> {
  const callback = fs as unknown as Functions;
  const promises = fs.promises as unknown as Functions;
  const probe = await fs.promises.open('/dev/null');
  patchHandles(Object.getPrototypeOf(probe) as Functions);
  await probe.close();
  const { mkdirSync } = fs;
  guard(
    promises,
    ['appendFile', 'copyFile', 'cp', 'rm', 'rmdir', 'symlink', 'truncate', 'lutimes', 'mkdtemp'],
    'promises',
  );
  patchPromises(promises);
  const sync = [...BY_PATH, ...BY_PATH_TOO, ...BY_DESCRIPTOR].map((name) => `${name}Sync`);
  guard(callback, [...BY_PATH, ...BY_PATH_TOO, ...BY_DESCRIPTOR, ...sync], 'fs');
  guardOpen(callback, 'open');
  guardOpen(callback, 'openSync');
  // The supervisor makes the folders of var with it.
  callback['mkdirSync'] = (file: unknown, options: unknown) => {
    const below = scope(file);
    if (below === undefined) return mkdirSync(file as string, options as { recursive: true });
    const recursive = (options as { recursive?: boolean } | undefined)?.recursive === true;
    const n = begin({ op: 'mkdir', path: below, recursive });
    try {
      const made = mkdirSync(file as string, options as { recursive: true });
      end(n);
      return made;
    } catch (error) {
      end(n, { error: String(error) });
      throw error;
    }
  };
  syncBuiltinESMExports();
}

// A thread of a worker writes no files of the queue: the end of the run is compared with the record.
if (isMainThread && base !== '' && into !== '') await install();
