/** What `--age` and `--size` take: `>1h` or `1h` for that much and more, `<1h` for less. */

const MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const KIB = 1024;
/** As people write them, and as `queue list` does; a plain number is bytes. */
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: KIB,
  kib: KIB,
  kb: 1000,
  m: KIB ** 2,
  mib: KIB ** 2,
  mb: 1000 ** 2,
  g: KIB ** 3,
  gib: KIB ** 3,
  gb: 1000 ** 3,
};

export type Bound = (value: number) => boolean;

/** On milliseconds. Undefined for wrong text. */
export function parseAge(text: string): Bound | undefined {
  const match = /^([<>]?)=?\s*(\d{1,9})([smhdw])$/.exec(text.trim());
  return makeBound(match?.[1], Number(match?.[2]) * (MS[match?.[3] ?? ''] ?? Number.NaN));
}

/** On bytes. Undefined for wrong text. */
export function parseSizeBound(text: string): Bound | undefined {
  const match = /^([<>]?)=?\s*(\d{1,12}(?:\.\d{1,3})?)\s*([a-z]{0,3})$/i.exec(text.trim());
  const unit = (match?.[3] ?? '').toLowerCase();
  return makeBound(match?.[1], Number(match?.[2]) * (Object.hasOwn(BYTES, unit) ? (BYTES[unit] ?? 0) : Number.NaN));
}

function makeBound(sign: string | undefined, limit: number): Bound | undefined {
  if (Number.isNaN(limit)) return undefined;
  return sign === '<' ? (value) => value < limit : (value) => value >= limit;
}
