/**
 * Lays one configuration over another. Sections merge key by key; lists and values are replaced as a whole.
 * Nothing is written into the arguments, and no key reaches a prototype.
 */

export type Section = Readonly<Record<string, unknown>>;
export type Path = readonly (string | number)[];

export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` on top of `base`. A section without content (`relay:` and nothing below) changes nothing. */
export function merge(base: unknown, over: unknown): unknown {
  if (!isSection(base)) return over;
  if (over === null) return base;
  if (!isSection(over)) return over;
  const merged: [string, unknown][] = Object.entries(over).map(([key, value]) => [
    key,
    Object.hasOwn(base, key) ? merge(base[key], value) : value,
  ]);
  // fromEntries defines own properties: `__proto__` becomes an ordinary, unknown key.
  return Object.fromEntries([...Object.entries(base), ...merged]);
}

/** The value at a path, or undefined. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)] as unknown;
    else value = isSection(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

/** `root` with the value at a path laid over by `value`; undefined when a list has no such place. */
export function withValue(root: unknown, path: Path, value: unknown): { readonly root: unknown } | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return { root: merge(root, value) };
  if (Array.isArray(root)) {
    const index = Number(key);
    if (!/^\d{1,6}$/.test(String(key)) || index > root.length) return undefined;
    const inner = withValue(root[index], rest, value);
    return inner && { root: root.toSpliced(index, 1, inner.root) };
  }
  const section = isSection(root) ? root : {};
  const inner = withValue(Object.hasOwn(section, key) ? section[key] : undefined, rest, value);
  return inner && { root: Object.fromEntries([...Object.entries(section), [String(key), inner.root]]) };
}
