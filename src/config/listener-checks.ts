/**
 * Rules that hold between listeners and other keys: addresses differ, filters exist.
 *
 * They look at the configuration before it is checked and skip what is not of the right type: so they are told together
 * with the mistakes of single keys.
 */
import { canonicalListen } from './listen-address.ts';
import { isSection, type Section } from './merge.ts';
import { nearest } from './nearest.ts';
import type { Finding } from './schema.ts';

export function checkListeners(data: Section): Finding[] {
  const listeners = asList(data['listen']).map((item) => (isSection(item) ? item : {}));
  const known = isSection(data['filters']) ? Object.keys(data['filters']) : [];
  return [...sameAddresses(listeners), ...listeners.flatMap((item, i) => unknownFilters(item['filters'], i, known))];
}

function sameAddresses(listeners: readonly Section[]): Finding[] {
  const seen = new Map<string, number>();
  return listeners.flatMap((listener, i): Finding[] => {
    const address = typeof listener['address'] === 'string' ? canonicalListen(listener['address']) : undefined;
    // Port 0 is another port each time.
    if (address === undefined || address.endsWith(':0')) return [];
    const before = seen.get(address);
    seen.set(address, i);
    if (before === undefined) return [];
    return [{ paths: [['listen', i, 'address']], message: `${address} is the address of listen.${before} already` }];
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
