/**
 * Addresses that no MX record of the outside world may lead us to: loopback, private, link-local, unspecified, multicast.
 *
 * Without this, whoever owns a domain could make us talk to machines behind our firewall.
 */
import { BlockList, isIPv6 } from 'node:net';

const IPV4: readonly (readonly [string, number])[] = [
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
const IPV6: readonly (readonly [string, number])[] = [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  // Ways to write an IPv4 address, private ones among them: deprecated, NAT64, 6to4.
  ['::', 96],
  ['64:ff9b::', 96],
  ['2002::', 16],
];

const blocked = new BlockList();
for (const [net, prefix] of IPV4) blocked.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of IPV6) blocked.addSubnet(net, prefix, 'ipv6');

/** True for an address that is not of the public internet. IPv4 addresses mapped into IPv6 count as what they are. */
export function isPrivateAddress(address: string): boolean {
  return blocked.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
