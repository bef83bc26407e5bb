/** The machine under a benchmark, because its figures mean nothing without it. */
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileSystemOf } from './folders.ts';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  /** Of the last minute when the benchmark began: above 0.5, somebody else was at work too. */
  readonly load: number;
}

/** `folder`: where the farm's files were; `load`: loadavg()[0] before the benchmark. */
export function describeMachine(folder: string, load: number): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    fileSystem: fileSystemOf(dirname(folder)),
    load,
  };
}

export function machineLine(machine: Machine): string {
  const { cores, cpu, memoryGiB, kernel, node, fileSystem, load } = machine;
  return `${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, ${fileSystem}, load before ${load.toFixed(2)}`;
}
