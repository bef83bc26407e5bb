/**
 * Internet addresses that no stranger may make us connect to: loopback, private and special ranges.
 *
 * A public sender chooses the domain that we deliver to, so without this check he could reach the services of our own
 * network through us (server-side request forgery).
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Not globally reachable, after the special-purpose registries (RFC 6890), and multicast. */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
];
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const special = new BlockList();
for (const [net, bits] of SPECIAL_V4) {
  special.addSubnet(net, bits, 'ipv4');
  // The same range written as an IPv4-mapped address.
  special.addSubnet(`::ffff:${net}`, 96 + bits, 'ipv6');
}
for (const [net, bits] of SPECIAL_V6) special.addSubnet(net, bits, 'ipv6');

/** True for an address that is not a host of the public internet; also for what is no address at all. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return special.check(address, 'ipv4');
  return isIPv6(address) ? special.check(address, 'ipv6') : true;
}

/** The address in a domain literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]`; undefined for a domain name. */
export function addressOfLiteral(domain: string): string | undefined {
  if (!domain.startsWith('[') || !domain.endsWith(']')) return undefined;
  return domain.slice(1, -1).replace(/^ipv6:/i, '');
}
