/** Finds the word that was probably meant. */

/** The candidate with the fewest typing errors to `word`, if they are few for its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const lower = word.slice(0, 50).toLowerCase();
  const ranked = candidates
    .map((candidate) => ({ candidate, errors: distance(lower, candidate.toLowerCase()) }))
    .toSorted((a, b) => a.errors - b.errors);
  const best = ranked[0];
  return best !== undefined && best.errors <= Math.max(1, Math.floor(lower.length / 3)) ? best.candidate : undefined;
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : i)),
  );
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      const row = rows[i];
      if (row !== undefined) row[j] = best;
    }
  }
  return at(a.length, b.length);
}
