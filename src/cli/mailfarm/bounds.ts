/** The size of a farm on the command line: `4`, or `2:6` for at least 2 and at most 6 workers. */

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

const MAX_WORKERS = 1000;

/** Undefined when it is none. */
export function parseBounds(text: string): Bounds | undefined {
  const match = /^(\d{1,4})(?::(\d{1,4}))?$/.exec(text);
  if (!match) return undefined;
  const least = Number(match[1]);
  const most = match[2] === undefined ? least : Number(match[2]);
  return most >= least && most >= 1 && most <= MAX_WORKERS ? { least, most } : undefined;
}
