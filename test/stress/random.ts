/** Random numbers with a seed, so that a failure can be looked at again: MAILFARM_SEED=… (mulberry32). */
export interface Random {
  readonly seed: number;
  /** From 0 to 1. */
  next(): number;
  pick<T>(list: readonly T[]): T | undefined;
}

/** The seed is the given one, or one of the clock, which the caller prints. */
export function makeRandom(seed = Number(process.env['MAILFARM_SEED'] ?? Date.now() % 1_000_000)): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return { seed, next, pick: (list) => list[Math.floor(next() * list.length)] };
}
