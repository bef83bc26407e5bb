/** Bytes of a named charset to text; what can't be decoded becomes U+FFFD. Never throws. */

/** Longest charset name that is looked up. */
const MAX_NAME = 40;

/** Names that are remembered: more than one header has room for, so that each costs what it costs once a message at most. */
const MAX_KNOWN = 30_000;

type Decoder = InstanceType<typeof TextDecoder>;

/** By name in lower case. Without `stream` a decoder keeps nothing from one text to the next. */
const known = new Map<string, Decoder>();

const UTF8 = new TextDecoder('utf-8');

export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const label = charset.trim().slice(0, MAX_NAME).toLowerCase();
  return (known.get(label) ?? learn(label)).decode(bytes);
}

function learn(label: string): Decoder {
  // All of them: to keep the first would let one message decide what is found in the next.
  if (known.size >= MAX_KNOWN) known.clear();
  const decoder = makeDecoder(label);
  // A copy: a slice would keep the whole header that it was cut from.
  known.set(Buffer.from(label).toString(), decoder);
  return decoder;
}

/** Making one costs ten times what a short text does, and one that fails a hundred times as much. */
function makeDecoder(label: string): Decoder {
  if (label === '') return UTF8;
  try {
    return new TextDecoder(label);
  } catch {
    // A charset nobody knows: every one that matters agrees with UTF-8 on ASCII.
    return UTF8;
  }
}
