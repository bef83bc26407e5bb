/** Reads the CPU profiles that Node wrote (--cpu-prof) and tells in which functions each process spent its time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderTable } from './table.ts';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

const TOP = 25;

/** A table of the top functions by self time for each profile in the folder, the busiest process first. */
export function renderProfiles(folder: string, messages: number): string {
  const profiles = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => selfTimes(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile));
  const busiest = profiles.toSorted((a, b) => b.busyMs - a.busyMs);
  return busiest.map((times) => renderProfile(times, messages)).join('\n\n');
}

interface SelfTimes {
  readonly script: string;
  readonly busyMs: number;
  readonly functions: readonly (readonly [name: string, ms: number])[];
}

/** Time by function, without `(idle)` and `(program)`: the latter is also the time in the kernel while nothing of JavaScript runs. */
function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTimes {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, n) => {
    const name = names.get(id) ?? '?';
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[n] ?? 0) / 1000);
  });
  times.delete('(idle)');
  const script = nodes.map(({ callFrame }) => /src\/([\w-]+\/main)\.ts$/.exec(callFrame.url)?.[1]).find(Boolean) ?? '?';
  const functions = [...times].toSorted((a, b) => b[1] - a[1]);
  return { script, busyMs: functions.reduce((total, [, ms]) => total + ms, 0), functions };
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/(node_modules|src)\//, '').replace(/^file:\/\//, '');
  return file === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

function renderProfile({ script, busyMs, functions }: SelfTimes, messages: number): string {
  const rows = functions
    .slice(0, TOP)
    .map(([name, ms]) => [name, ((100 * ms) / busyMs).toFixed(1), ((1000 * ms) / messages).toFixed(1)]);
  const title = `${script}: busy for ${Math.round(busyMs)} ms`;
  return renderTable([title, '%', 'us/message'], rows);
}
