/** Numbers for tests that act at random, from a seed that is printed: MAILFARM_SEED=N plays a failure again. */

/** A generator of numbers from 0 to 1 (mulberry32). */
export function startRandom(): () => number {
  const seed = Number(process.env['MAILFARM_SEED'] ?? Date.now() % 1_000_000);
  console.log(`MAILFARM_SEED=${seed}`);
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
