/** Addresses of DNS servers: `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`. Never a name. */
import { isIP } from 'node:net';

export interface NameServer {
  readonly host: string;
  readonly port: number;
}

const PORT = 53;

/** Undefined when it is no such address. */
export function parseNameServer(text: string): NameServer | undefined {
  const [, bracketed, port] = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? [];
  const [, plain, plainPort] = /^([0-9.]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  const number = Number(port ?? plainPort ?? PORT);
  return isIP(host) !== 0 && number >= 1 && number <= 65_535 ? { host, port: number } : undefined;
}
