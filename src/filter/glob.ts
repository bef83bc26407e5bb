/**
 * Shell-like patterns of names: `*` is any run of characters, `?` is any one. No regular expression is built, so that
 * no name can make it slow: the time is at most the product of both lengths.
 */

/** True when the whole of `name` matches; case counts. */
export function matchesGlob(name: string, pattern: string): boolean {
  let n = 0;
  let p = 0;
  let star = -1;
  let mark = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p;
      mark = n;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      n += 1;
      p += 1;
    } else if (star >= 0) {
      // The last star takes one character more; earlier ones never need to.
      mark += 1;
      n = mark;
      p = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
