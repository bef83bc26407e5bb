/** Durations and sizes as people write them: `90s`, `5m`, `64MiB`. Pure text to number; wrong text is undefined. */

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1_000_000,
  MiB: 1024 ** 2,
  GB: 1_000_000_000,
  GiB: 1024 ** 3,
};

/** Milliseconds. A plain number is seconds. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return asWhole(value * 1000);
  return withUnit(value, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/, MS);
}

/** Bytes. A plain number is bytes. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return asWhole(value);
  return withUnit(value, /^(\d+(?:\.\d+)?)(B|kB|KiB|MB|MiB|GB|GiB)$/, BYTES);
}

/** How often in a second, of `20/s`, `600/m`, `5000/h` or `1000/d`. */
export function parseRate(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d{1,9})\/(s|m|h|d)$/.exec(value) : null;
  const ms = MS[match?.[2] ?? ''];
  return match && ms !== undefined ? (Number(match[1]) * 1000) / ms : undefined;
}

/** The shortest way to write a duration. */
export function formatDuration(ms: number): string {
  return format(ms, Object.entries(MS));
}

/** The shortest way to write a size, in units of 1024. */
export function formatSize(bytes: number): string {
  return format(
    bytes,
    Object.entries(BYTES).filter(([unit]) => unit.length !== 2),
  );
}

function withUnit(value: unknown, pattern: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const match = typeof value === 'string' ? pattern.exec(value) : null;
  return match === null ? undefined : asWhole(Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN));
}

function asWhole(value: number): number | undefined {
  const whole = Math.round(value);
  return Number.isSafeInteger(whole) && whole >= 0 ? whole : undefined;
}

function format(value: number, units: readonly (readonly [string, number])[]): string {
  if (value === 0) return '0';
  const fitting = units.filter(([, factor]) => value % factor === 0);
  const [unit, factor] = fitting.at(-1) ?? units[0] ?? ['', 1];
  return `${value / factor}${unit}`;
}
