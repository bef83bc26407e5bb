/**
 * What the supervisor answers to `status`, read with suspicion: a supervisor of another version may know other fields.
 */

export interface WorkerStatus {
  readonly name: string;
  readonly pid: number;
  /** Milliseconds since 1970; 0 when not told. */
  readonly started: number;
  readonly jobs: number;
  readonly ready: boolean;
  readonly stats: Readonly<Record<string, number>>;
}

export interface FarmStatus {
  readonly farm: string;
  readonly least: number;
  readonly most: number;
  readonly restarts: number;
  /** Milliseconds since 1970. */
  readonly throttledUntil?: number;
  readonly workers: readonly WorkerStatus[];
}

export interface FarmsStatus {
  readonly version: string;
  readonly pid: number;
  readonly started: number;
  readonly etc: string;
  readonly var: string;
  readonly listeners: readonly string[];
  readonly farms: readonly FarmStatus[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Never throws: what is missing or of another type becomes empty. */
export function readStatus(answer: Fields): FarmsStatus {
  return {
    version: asText(answer['version']),
    pid: asNumber(answer['pid']),
    started: asTime(answer['started']),
    etc: asText(answer['etc']),
    var: asText(answer['var']),
    listeners: asList(answer['listeners']).map(listenerText),
    farms: asList(answer['farms']).map(readFarm),
  };
}

function readFarm(value: unknown): FarmStatus {
  const fields = asFields(value);
  const until = asTime(fields['throttledUntil']);
  return {
    farm: asText(fields['farm']),
    least: asNumber(fields['least']),
    most: asNumber(fields['most']),
    restarts: asNumber(fields['restarts']),
    ...(until > 0 && { throttledUntil: until }),
    workers: asList(fields['workers']).map(readWorker),
  };
}

function readWorker(value: unknown): WorkerStatus {
  const fields = asFields(value);
  const stats = Object.entries(asFields(fields['stats'])).filter(([, figure]) => typeof figure === 'number');
  return {
    name: asText(fields['name']),
    pid: asNumber(fields['pid']),
    started: asTime(fields['started']),
    jobs: asNumber(fields['jobs']),
    ready: fields['ready'] === true,
    stats: Object.fromEntries(stats) as Record<string, number>,
  };
}

/** `127.0.0.1:2525 (submission)`, of a text or of an object with address and role. */
function listenerText(value: unknown): string {
  if (typeof value === 'string') return value;
  const { address, role, name } = asFields(value);
  const words = [role, name].filter((word) => typeof word === 'string' && word !== '');
  return words.length > 0 ? `${asText(address)} (${words.join(', ')})` : asText(address);
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asNumber(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Milliseconds, or ISO text. */
function asTime(value: unknown): number {
  return typeof value === 'string' ? asNumber(Date.parse(value)) : asNumber(value);
}
