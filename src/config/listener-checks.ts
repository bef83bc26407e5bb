/**
 * Rules that hold between listeners and other keys: addresses do not overlap, filters exist.
 *
 * They look at the configuration before it is checked and skip what is not of the right type: so they are told together
 * with the mistakes of single keys.
 */
import { canonicalListen, overlap } from './listen-address.ts';
import { isSection, type Section } from './merge.ts';
import { nearest } from './nearest.ts';
import type { Finding } from './schema.ts';

export function checkListeners(data: Section): Finding[] {
  const listeners = asList(data['listen']).map((item) => (isSection(item) ? item : {}));
  const known = isSection(data['filters']) ? Object.keys(data['filters']) : [];
  return [...sameAddresses(listeners), ...listeners.flatMap((item, i) => unknownFilters(item['filters'], i, known))];
}

function sameAddresses(listeners: readonly Section[]): Finding[] {
  const addresses = listeners.map(({ address }) =>
    typeof address === 'string' ? canonicalListen(address) : undefined,
  );
  return addresses.flatMap((address, i): Finding[] => {
    if (address === undefined) return [];
    const before = addresses.slice(0, i).findIndex((other) => other !== undefined && overlap(other, address));
    if (before === -1) return [];
    const same = addresses[before] === address;
    const message = same
      ? `${address} is the address of listen.${before} already`
      : `${address} and ${addresses[before]} of listen.${before} take in the same address; keep one`;
    return [{ paths: [['listen', i, 'address']], message }];
  });
}

function unknownFilters(names: unknown, listener: number, known: readonly string[]): Finding[] {
  return asList(names).flatMap((name, i): Finding[] => {
    if (typeof name !== 'string' || known.includes(name)) return [];
    const meant = nearest(name, known);
    const hint = meant === undefined ? `defined: ${known.join(', ')}` : `did you mean ${meant}?`;
    return [{ paths: [['listen', listener, 'filters', i], ['filters']], message: `no filter ${name}; ${hint}` }];
  });
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
