/**
 * The addresses that a machine's own table of hosts has for a name (hosts(5)).
 *
 * Our resolver asks DNS alone, but an operator names hosts as the machine knows them. Read anew each time: it is small, and
 * asked for once a session at most.
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Addresses in the order of the file; none where it cannot be read. */
export async function addressesFromHosts(path: string, host: string): Promise<readonly string[]> {
  const text = (await readFile(path, 'utf8').catch(() => '')).toLowerCase();
  const wanted = host.toLowerCase();
  if (!text.includes(wanted)) return [];
  const rows = text.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  const found = rows.filter(([, ...names]) => names.includes(wanted)).map(([address = '']) => address);
  return [...new Set(found)].filter((address) => isIP(address) !== 0);
}
