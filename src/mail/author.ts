/** Who a message says that it is from: the domain of its From field (RFC 5322 section 3.6.2, groups of RFC 6854). */
import { parseDomain } from './domain.ts';
import { headerValues } from './headers.ts';

/** Bytes of the field that are looked at. */
const MOST = 2048;

/** In canonical form, of the first author; undefined when there is none that can be read. Linear in the length of the field. */
export function authorDomain(headerBlock: Buffer): string | undefined {
  const [value] = headerValues(headerBlock, 'From', { max: 1, length: MOST });
  if (value === undefined) return undefined;
  const address = firstAddress(withoutWords(value));
  const at = address.lastIndexOf('@');
  const parsed = at === -1 ? undefined : parseDomain(address.slice(at + 1).trim());
  return parsed?.ok ? parsed.domain : undefined;
}

/**
 * Of a bare address, of one in angle brackets, or of either in a group. A comma before which there is no address stands in the name
 * of an author, who forgot to quote it.
 */
function firstAddress(plain: string): string {
  const open = plain.indexOf('<');
  const [bare = ''] = (open === -1 ? plain : plain.slice(0, open)).split(/[,;]/, 1);
  if (open === -1 || (bare.length < open && bare.includes('@'))) return bare;
  const close = plain.indexOf('>', open);
  return close === -1 ? '' : plain.slice(open + 1, close);
}

/** Without quoted strings and comments, in which any character may stand. */
function withoutWords(value: string): string {
  let plain = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at += 1) {
    const char = value.charAt(at);
    if (char === '\\') at += 1;
    else if (quoted) quoted = char !== '"';
    else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) depth -= 1;
    else if (depth > 0) continue;
    else if (char === '"') quoted = true;
    else plain += char;
  }
  return plain;
}
