/** Bytes of a named charset to text; what can't be decoded becomes U+FFFD. Never throws. */

/** Longest charset name that is looked up. */
const MAX_NAME = 40;

export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const label = charset.trim().slice(0, MAX_NAME);
  try {
    return new TextDecoder(label === '' ? 'utf-8' : label).decode(bytes);
  } catch {
    // A charset nobody knows: every one that matters agrees with UTF-8 on ASCII.
    return new TextDecoder('utf-8').decode(bytes);
  }
}
