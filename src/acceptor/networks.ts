/** The networks whose clients may relay (`relay.networks`), compiled once; asked once a session. */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** A test for client addresses without port; '' is a client on a Unix socket, which the folder's mode has let in. */
export function compileNetworks(networks: readonly string[]): (ip: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0) continue;
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (ip) => {
    if (ip === '') return true;
    // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1.
    const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '');
    return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}
