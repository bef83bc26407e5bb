/** A whole supervisor over stand-in workers, in a var of its own. One per test process: it changes the working directory. */
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FARM_NAMES, type Config, type FarmName } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { prepareVar } from '../../../src/supervisor/spool.ts';
import { SocketTable } from '../../../src/supervisor/socket-table.ts';
import { writeConfig } from '../../../src/supervisor/start-up.ts';
import { killAll, stopInOrder } from '../../../src/supervisor/stop.ts';
import { Supervisor } from '../../../src/supervisor/supervisor.ts';

export interface Event {
  readonly level: string;
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

export interface StandInFarm {
  readonly supervisor: Supervisor;
  readonly varDir: string;
  readonly events: readonly Event[];
  /** Resolves when the supervisor says ready. */
  readonly ready: Promise<void>;
  /** Lines that the workers wrote, those that begin with `prefix`. */
  history(prefix?: string): string[];
  /** Reads a configuration for this var. */
  load(set: readonly string[]): Promise<Config>;
  stop(): Promise<void>;
}

const SCRIPT = path.join(import.meta.dirname, 'stand-in.ts');

/** Sizes that tests rely on: one of each, no recycling, short drains. */
const BASE = FARM_NAMES.flatMap((name) => [`farms.${name}.drain=5s`, `farms.${name}.jobs=0`]);
const ONE = ['router', 'filter', 'smtp', 'lmtp', 'maildir', 'bounce', 'acceptor'].flatMap((name) => [
  `farms.${name}.most=3`,
  `farms.${name}.least=1`,
]);

export async function startStandIns(
  set: readonly string[] = [],
  behaviour: Partial<Record<FarmName, string>> = {},
): Promise<StandInFarm> {
  const varDir = mkdtempSync(path.join(tmpdir(), 'mailfarm-'));
  prepareVar(varDir);
  process.chdir(varDir);
  for (const [farm, text] of Object.entries(behaviour)) writeFileSync(`run/behave-${farm}`, text);
  const load = (more: readonly string[]): Promise<Config> => loadSet(varDir, [...set, ...more]);
  const config = await load([]);
  const sockets = new SocketTable({ listen: true });
  const problem = sockets.adopt(config);
  if (problem !== undefined) throw new Error(problem.text);
  writeConfig(config, undefined);
  const events: Event[] = [];
  const logAt =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}) =>
      void events.push({ level, event, fields });
  const ready = Promise.withResolvers<void>();
  const supervisor = new Supervisor({
    config,
    sockets,
    generation: 'test',
    lockFd: openSync('lock', 'w'),
    scriptOf: () => SCRIPT,
    log: { info: logAt('info'), warn: logAt('warn'), error: logAt('error') },
    onReady: ready.resolve,
  });
  supervisor.start();
  return {
    supervisor,
    varDir,
    events,
    ready: ready.promise,
    load,
    history: (prefix = '') => readLines('run/history').filter((line) => line.startsWith(prefix)),
    async stop() {
      if (!supervisor.stopping) await stopInOrder(supervisor);
      killAll(supervisor, 'end of test');
      rmSync(varDir, { recursive: true, force: true });
    },
  };
}

async function loadSet(varDir: string, set: readonly string[]): Promise<Config> {
  const etcDir = path.join(varDir, 'etc');
  mkdirSync(etcDir, { recursive: true });
  const listen = 'listen=[{"address":"127.0.0.1:0","role":"mx"}]';
  const loaded = await loadConfig({ etcDir, varDir, set: [listen, ...BASE, ...ONE, ...set] });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

function readLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** Says a line to a worker of a farm; resolves with its answer, `NAME PID …`. */
export function tell(farm: string, line: string): Promise<string> {
  return ask(net.connect(`run/${farm}.sock`), line);
}

export function ask(socket: net.Socket, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (data: string) => (text += data));
    socket.on('error', reject);
    socket.on('close', () => resolve(text.trim()));
    socket.write(`${line}\n`);
  });
}

/** Resolves when the condition holds; rejects after 60 s with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
