/**
 * How supervisor and acceptor name the sockets of listeners to each other: by address, and where one stands more than once (port
 * 0), by its turn among these. So a listener gets its own socket or none, also where two of them have read different
 * configurations.
 */
import path from 'node:path';
import { canonicalListen } from '../config/listen-address.ts';

/** The key of each address, in their order. */
export function socketKeys(addresses: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return addresses.map((address) => {
    const one = address.startsWith('unix:')
      ? `unix:${path.resolve(address.slice(5))}`
      : (canonicalListen(address) ?? address);
    const nth = seen.get(one) ?? 0;
    seen.set(one, nth + 1);
    return `${one} ${nth}`;
  });
}
