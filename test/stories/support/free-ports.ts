/**
 * Ports that nobody listens on now, outside the range from which the system hands out ports: what others ask for as
 * `port 0`, or connect from, is never one of these, however late ours is used.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';

const FIRST = 10_240;

export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  const end = firstOfSystem();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > 1000) throw new Error(`no free port from ${FIRST} to ${end}`);
    const port = FIRST + Math.floor(Math.random() * (end - FIRST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function firstOfSystem(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
