/**
 * The building blocks of the schemas: every leaf says in words what it expects, so that each mistake is told in the
 * same form. zod walks sections, lists and records, and refuses unknown keys.
 */
import { z } from 'zod';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** Any value that `parse` turns into something else than undefined. `meant` guesses what a wrong one was to be. */
export function leaf<T>(
  expected: string,
  parse: (value: unknown) => T | undefined,
  meant: (value: unknown) => string | undefined = () => undefined,
): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    const issue = { code: 'custom', message: `expected ${expected}`, input: value } as const;
    context.issues.push({ ...issue, params: { meant: meant(value) } });
    return z.NEVER;
  });
}

export function whole(least: number, most: number): z.ZodType<number> {
  const expected = least === most ? `${least}` : `a whole number from ${least} to ${most}`;
  return leaf(expected, (value) => (Number.isInteger(value) ? within(value, least, most) : undefined));
}

/** `least` and `most` in milliseconds. */
export function duration(least: number, most: number): z.ZodType<number> {
  return leaf(
    `a duration from ${formatDuration(least)} to ${formatDuration(most)}, such as 30s, 5m, 4h or 5d`,
    (value) => within(parseDuration(value), least, most),
  );
}

/** `least` and `most` in bytes. */
export function size(least: number, most: number): z.ZodType<number> {
  return leaf(`a size from ${formatSize(least)} to ${formatSize(most)}, such as 256KiB or 64MiB`, (value) =>
    within(parseSize(value), least, most),
  );
}

export function oneOf<const T extends string>(...words: readonly T[]): z.ZodType<T> {
  const expected = words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : (words[0] ?? '');
  return leaf(expected, (value) => words.find((word) => word === value));
}

export const flag: z.ZodType<boolean> = leaf('true or false', (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** Text that `parse` turns into its canonical form. */
export function text(
  expected: string,
  parse: (value: string) => string | undefined,
  meant: (value: string) => string | undefined = () => undefined,
): z.ZodType<string> {
  return leaf(
    expected,
    (value) => (typeof value === 'string' ? parse(value) : undefined),
    (value) => (typeof value === 'string' ? meant(value) : undefined),
  );
}

export function listOf<T>(item: z.ZodType<T>, what: string): z.ZodType<T[]> {
  return z.array(item, { error: `expected a list of ${what}` });
}

/** One word that stands for everything, or else what `schema` takes. */
export function wordOr<const W extends string, T>(word: W, schema: z.ZodType<T>): z.ZodType<W | T> {
  return z.unknown().transform((value, context): W | T => {
    if (value === word) return word;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues)
      context.issues.push({ code: 'custom', path, message, input: value });
    return z.NEVER;
  });
}

/** Separates the known keys in the message of an unknown-key issue, where explain.ts finds them for its suggestion. */
export const KEY_SEPARATOR = ' ';

/** A section with exactly these keys. */
export function section<T extends z.ZodRawShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? keys.join(KEY_SEPARATOR)
        : `expected a section with ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', …' : ''}`,
  });
}

function within(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && value >= least && value <= most ? value : undefined;
}
