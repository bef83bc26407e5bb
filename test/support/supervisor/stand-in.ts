/**
 * A worker of any farm that does what it is told over the farm's socket, a line per connection:
 * `pid`, `jobs N`, `busy N`, `wake FARM`, `settle`, `kill PID`, `exit CODE`, `throw`, `reject`, `config KEY`.
 * What it does from its start on is in run/behave-FARM: `crash` (dies at once), `silent` (never ready), `stubborn` (drains
 * for ever), `slow` (drains for 2 s), `unfinished` (has mail left when it drained).
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import type { Config } from '../../../src/config/config.ts';
import { readLive } from '../../../src/process/live.ts';
import { socketKeys } from '../../../src/process/socket-keys.ts';
import { runWorker, type Role, type Worker } from '../../../src/process/worker.ts';

runWorker(start);

async function start(worker: Worker): Promise<Role> {
  const file = `run/behave-${worker.farm}`;
  const behaviour = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  note(worker, 'start', process.argv.slice(2).join(' '));
  if (behaviour === 'crash') process.exit(3);
  if (behaviour === 'silent') await new Promise(() => setInterval(() => {}, 1000));
  const state = { busy: 0, config: worker.config };
  const servers: net.Server[] = [];
  const keys = socketKeys(worker.config.listen.map(({ address }) => address));
  for (const name of ['farm', ...keys.map((key) => `listen:${key}`)]) {
    const fd = worker.fd(name);
    if (fd === undefined) continue;
    const server = net.createServer((socket) => serve(socket, worker, state));
    await new Promise<void>((resolve) => server.listen({ fd }, resolve));
    servers.push(server);
  }
  if (worker.farm === 'injector' && behaviour === '') setTimeout(() => worker.finish(), 20);
  return {
    async drain() {
      note(worker, 'drain', '');
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      if (behaviour === 'stubborn') await new Promise(() => {});
      if (behaviour === 'slow') await new Promise((resolve) => setTimeout(resolve, 2000));
      await Promise.all(closed);
      return behaviour === 'unfinished' ? 'unfinished' : undefined;
    },
    reload(config: Config) {
      state.config = config;
      note(worker, 'reload', '');
    },
    stats: () => ({ busy: state.busy }),
  };
}

/** The history of all stand-ins, a line each: `EVENT INSTANCE PID DETAIL`. */
function note(worker: Worker, event: string, detail: string): void {
  const live = [...readLive()].includes(worker.instance) ? 'live' : 'unknown';
  appendFileSync('run/history', `${event} ${worker.name} ${process.pid} ${detail || live}\n`);
}

function serve(socket: net.Socket, worker: Worker, state: { busy: number; config: Config }): void {
  socket.on('error', () => {});
  socket.on('data', (data) => {
    const [verb = '', value = ''] = String(data).trim().split(' ');
    if (verb === 'jobs') worker.jobDone(Number(value));
    if (verb === 'busy') state.busy = Number(value);
    if (verb === 'wake') worker.wake(value as 'smtp');
    if (verb === 'settle') worker.settle();
    if (verb === 'kill') worker.kill(Number(value), 'test');
    if (verb === 'exit') process.exit(Number(value));
    if (verb === 'throw') setImmediate(() => fail());
    if (verb === 'reject') void Promise.reject(new Error('stand-in rejects'));
    socket.write(`${worker.name} ${process.pid} ${verb === 'config' ? state.config.hostname : ''}\n`);
    if (verb !== 'hold') socket.end();
  });
}

function fail(): never {
  throw new Error('stand-in throws');
}
