/** Choices at random that a seed repeats (mulberry32). For whom a drill kills; never for ids. */

export interface Random {
  /** From 0 to 1. */
  next(): number;
  pick<T>(list: readonly T[]): T | undefined;
}

export function makeRandom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, pick: (list) => list[Math.floor(next() * list.length)] };
}
