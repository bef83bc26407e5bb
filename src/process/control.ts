/**
 * What commands may ask of the supervisor, over run/control.sock: one line of JSON there, one line back, then the
 * connection ends. No mail and no handle; the scheduler and the queue have sockets and files of their own.
 */
import type { FarmName } from '../config/config.ts';
import type { Figures } from './orders.ts';

/** Relative to var. */
export const CONTROL_SOCKET = 'run/control.sock';

/** Longest request, in bytes. */
export const MAX_CONTROL_LINE = 4096;

/** What a drill may do to a worker: end it at once, or ask it to finish and go. */
export const KILL_SIGNALS = ['KILL', 'TERM'] as const;
export type KillSignal = (typeof KILL_SIGNALS)[number];

export type ControlRequest =
  | { readonly verb: 'status' }
  /** Reads the configuration again; answered when it is taken over, workers are replaced after that. */
  | { readonly verb: 'reload' }
  /** New bounds of a farm, until the next reload or start. */
  | { readonly verb: 'resize'; readonly farm: FarmName; readonly least: number; readonly most: number }
  /** Looks for mail that a writer left which is gone and began at this time, in ms since 1970. */
  | { readonly verb: 'recover'; readonly since: number }
  /** Ends one worker by a signal, as a drill does; it is replaced as after any other death. */
  | { readonly verb: 'kill'; readonly pid: number; readonly signal: KillSignal }
  /** As SIGTERM; answered before it begins. */
  | { readonly verb: 'stop' };

export interface WorkerStatus {
  readonly name: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly jobs: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly stats: Figures;
}

export interface FarmStatus {
  readonly farm: FarmName;
  readonly least: number;
  readonly most: number;
  /** No worker is started before, milliseconds since 1970. */
  readonly throttledUntil?: number;
  /** Workers started in place of others that died. */
  readonly restarts: number;
  readonly workers: readonly WorkerStatus[];
}

export interface Status {
  readonly ok: true;
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly etc: string;
  readonly var: string;
  /** It is on its way out: nothing is started any more. */
  readonly stopping: boolean;
  /** Real addresses. */
  readonly listeners: readonly string[];
  readonly farms: readonly FarmStatus[];
}

export type ControlAnswer =
  | Status
  | { readonly ok: true }
  /** `problems`: of a configuration that was not taken over, a line each. */
  | { readonly ok: false; readonly why: string; readonly problems?: readonly string[] };
