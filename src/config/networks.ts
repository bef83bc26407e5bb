/** Networks in CIDR notation, `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one. */
import { BlockList, isIP, isIPv4 } from 'node:net';

export interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Undefined when it is no network. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match?.[1] ?? '';
  if (isIP(address) === 0) return undefined;
  const width = isIPv4(address) ? 32 : 128;
  const bits = match?.[2] === undefined ? width : Number(match[2]);
  return bits <= width ? { address, bits, family: width === 32 ? 'ipv4' : 'ipv6' } : undefined;
}

/** Compiles networks into a test of client addresses; IPv4 clients of a dual-stack socket (::ffff:1.2.3.4) count as IPv4. */
export function compileNetworks(networks: readonly string[]): (ip: string) => boolean {
  const list = new BlockList();
  for (const { address, bits, family } of networks.map(parseNetwork).filter((network) => network !== undefined)) {
    list.addSubnet(address, bits, family);
  }
  return (ip) => {
    const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '');
    if (isIP(plain) === 0) return false;
    return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}
