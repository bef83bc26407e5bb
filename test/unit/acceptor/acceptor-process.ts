/** An acceptor in a process of its own, for tests that take something from the whole process. Says its port; any line on stdin asks for figures. */
import { createInterface } from 'node:readline';
import { runAcceptor } from './run-acceptor.ts';

const acceptor = await runAcceptor({
  yaml: `
hostname: mx.test
listen: [ { address: "127.0.0.1:0", role: mx, name: mx, filters: [] } ]
relay: { networks: ["127.0.0.0/8"] }
domains: { local: [local.test], relay: [] }
`,
});
process.stdout.write(`${acceptor.ports[0]}\n`);
const input = createInterface({ input: process.stdin });
input.on('line', () => {
  const { user, system } = process.cpuUsage();
  const noDescriptors = acceptor.log.filter(({ event }) => event === 'no-descriptors').length;
  const figures = { ...acceptor.role.stats?.(), cpuMs: (user + system) / 1000, noDescriptors };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
});
input.on('close', () => {
  void acceptor.stop().then(() => process.exit(0));
});
