/** Patterns of selectors: `*` stands for any characters, nothing else is special, case does not count. Matched in linear time. */

/** The pattern as a test of whole texts; read once, for very many of them. */
export function compilePattern(pattern: string): (text: string) => boolean {
  const parts = pattern.toLowerCase().split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return (text) => text.toLowerCase() === first;
  const last = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1).filter((part) => part !== '');
  const least = first.length + last.length;
  return (text) => {
    const subject = text.toLowerCase();
    if (subject.length < least || !subject.startsWith(first) || !subject.endsWith(last)) return false;
    let at = first.length;
    const end = subject.length - last.length;
    for (const part of middle) {
      const found = subject.indexOf(part, at);
      if (found === -1 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
