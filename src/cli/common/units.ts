/** How ages, times and sizes read in tables: short, one unit, never wider than a few characters. */

const STEPS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

/** `45s`, `12m`, `3h`, `2d`: rounded down; `0s` for less than a second and for what lies ahead. */
export function formatAge(ms: number): string {
  for (const [unit, size] of STEPS) if (ms >= size) return `${Math.floor(ms / size)}${unit}`;
  return '0s';
}

/** `in 5m`, or `now` for a time that has come. */
export function formatUntil(at: number, now: number): string {
  return at > now ? `in ${formatAge(Math.max(1000, at - now))}` : 'now';
}

/** `2026-11-22 08:45:29` in the machine's time zone. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `512`, `1.5K`, `20M`, `3G`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  for (const unit of ['', 'K', 'M', 'G']) {
    if (value < 1024 || unit === 'G')
      return `${value < 10 && unit !== '' ? value.toFixed(1) : Math.round(value)}${unit}`;
    value /= 1024;
  }
  return String(bytes);
}

/** ISO time for JSON; undefined stays so, as does what is no time. */
export function isoTime(ms: number | undefined): string | undefined {
  if (ms === undefined || Number.isNaN(new Date(ms).getTime())) return undefined;
  return new Date(ms).toISOString();
}
