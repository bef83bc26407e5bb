/** --limit: a whole number from 1 on. Anything else would mean all messages, or none, to a verb that deletes. */

export function parseLimit(value: unknown): number | undefined {
  // Given twice: told by the parser, which sees all options alike.
  if (value === undefined || Array.isArray(value)) return value as undefined;
  if (typeof value === 'string' && /^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new Error('--limit takes a whole number from 1 on');
}
