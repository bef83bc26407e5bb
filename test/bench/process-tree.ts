/**
 * CPU time and memory of a process and all its descendants, from /proc (proc(5)), by role.
 *
 * CPU is what the kernel charged, to 10 ms. Of a process that ended between two samples, the time is in its parent's
 * cutime and cstime: it is counted, under the role `ended`. Only Linux has these files.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

export interface ProcessSample {
  readonly pid: number;
  /** As in the title: `acceptor-1`, `supervisor`; the command of a process that is not ours, or not yet. */
  readonly name: string;
  /** As `acceptor`. */
  readonly role: string;
  readonly cpuMs: number;
}

export interface TreeSample {
  readonly processes: ReadonlyMap<number, ProcessSample>;
  /** CPU of all descendants that ended and were waited for. */
  readonly endedMs: number;
}

/** Proportional set size by process name (in sum, where several have one), KiB: pages that processes share count in parts. */
export type MemorySample = Readonly<Record<string, number>>;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
  readonly endedMs: number;
}

/** Linux reports clock ticks of 10 ms to user space on every architecture. */
const TICK_MS = 10;

/** The process `root` and all below it. Empty when it is gone. */
export function sampleTree(root: number): TreeSample {
  const tree = descend(root, readStats());
  const processes = new Map<number, ProcessSample>();
  for (const { pid, cpuMs } of tree) {
    const name = nameOf(pid);
    processes.set(pid, { pid, name, role: name.replace(/-\d+$/, ''), cpuMs });
  }
  return { processes, endedMs: tree.reduce((sum, { endedMs }) => sum + endedMs, 0) };
}

/** Milliseconds of CPU by role, used between two samples of one tree. */
export function cpuBetween(before: TreeSample, after: TreeSample): Record<string, number> {
  const used: Record<string, number> = {};
  for (const [pid, { role, cpuMs }] of after.processes) {
    used[role] = (used[role] ?? 0) + cpuMs - (before.processes.get(pid)?.cpuMs ?? 0);
  }
  let ended = after.endedMs - before.endedMs;
  for (const [pid, { cpuMs }] of before.processes) if (!after.processes.has(pid)) ended -= cpuMs;
  if (ended > 0) used['ended'] = ended;
  return used;
}

/** Memory of every process of the tree. */
export function sampleMemory(root: number): MemorySample {
  const memory: Record<string, number> = {};
  for (const { pid } of descend(root, readStats())) {
    const kib = /^Pss:\s+(\d+) kB/m.exec(readProc(`${pid}/smaps_rollup`))?.[1];
    const name = nameOf(pid);
    if (kib !== undefined) memory[name] = (memory[name] ?? 0) + Number(kib);
  }
  return memory;
}

/** CPU of the children of this process that ended and were waited for, and of theirs. */
export function endedCpuMs(): number {
  return parseStat(process.pid, readProc('self/stat'))[0]?.endedMs ?? 0;
}

export function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

function descend(root: number, stats: readonly Stat[]): Stat[] {
  const found = stats.filter(({ pid }) => pid === root);
  const children = Map.groupBy(stats, ({ parent }) => parent);
  for (const { pid } of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function readStats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parseStat(Number(name), readProc(`${name}/stat`)));
}

/** Fields are counted from the third, which follows the command in parentheses: that may hold spaces itself. */
function parseStat(pid: number, text: string): Stat[] {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent] = fields;
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15);
  if (parent === undefined || endedSystem === undefined) return [];
  const cpuMs = ((user ?? 0) + (system ?? 0)) * TICK_MS;
  return [{ pid, parent, cpuMs, endedMs: ((endedUser ?? 0) + endedSystem) * TICK_MS }];
}

function nameOf(pid: number): string {
  const command = readProc(`${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return /^mailfarm: (\S+)/.exec(command)?.[1] ?? (basename(/^[^\s:]+/.exec(command)?.[0] ?? '') || 'starting');
}

/** Empty when the process ended while we looked. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
