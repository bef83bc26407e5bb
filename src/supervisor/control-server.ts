/**
 * The control socket: reads one request line per connection, answers one line, closes. The shapes are in
 * src/process/control.ts.
 *
 * Hostile until decoded: few connections, short lines, little time; nonsense gets an answer and ends its connection.
 */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import net, { type Server, type Socket } from 'node:net';
import { errorText, oneLine } from '../base/text.ts';
import { FARM_NAMES, type FarmName } from '../config/config.ts';
import { withDeadline } from '../base/deadline.ts';
import { asOwner, type Owner } from '../process/as-owner.ts';
import {
  KILL_SIGNALS,
  MAX_CONTROL_LINE,
  type ControlAnswer,
  type ControlRequest,
  type KillSignal,
} from '../process/control.ts';

export interface ControlServerOptions {
  readonly path: string;
  readonly answer: (request: ControlRequest) => Promise<ControlAnswer>;
  /** Whom commands become when root runs them. */
  readonly owner?: Owner | undefined;
  readonly onError: (why: string) => void;
}

const MAX_CONNECTIONS = 32;
/** For the request to come. */
const REQUEST_MS = 5000;
const ANSWER_MS = 20_000;

const LOOK_EVERY_MS = 5000;

/** Serves, anew where somebody removed the socket's file. Resolves when it listens. */
export async function keepControl(options: ControlServerOptions): Promise<void> {
  let server = await serveControl(options);
  const look = async (): Promise<void> => {
    if (existsSync(options.path)) return;
    // Its end removes the name, whatever that leads to by now.
    asOwner(options.owner, () => server.close());
    server = await serveControl(options);
  };
  const timer = setInterval(
    () => void look().catch((error: unknown) => options.onError(errorText(error))),
    LOOK_EVERY_MS,
  );
  timer.unref();
}

/** Resolves when it listens. Removes a stale socket first: only call it under the lock. */
export function serveControl(options: ControlServerOptions): Promise<Server> {
  const { path, owner, onError } = options;
  const server = net.createServer((socket) => serve(socket, options));
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      server.on('error', (error) => onError(error.message));
      resolve(server);
    });
    asOwner(owner, () => {
      rmSync(path, { force: true });
      // It is bound when this returns, or an error follows.
      server.listen(path);
      if (server.listening) chmodSync(path, 0o600);
    });
  });
}

function serve(socket: Socket, options: ControlServerOptions): void {
  let text = '';
  socket.setEncoding('utf8');
  const timer = setTimeout(() => socket.destroy(), REQUEST_MS);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearTimeout(timer));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= MAX_CONTROL_LINE) return;
    // One request a connection: what follows is thrown away unread.
    socket.removeAllListeners('data');
    socket.resume();
    clearTimeout(timer);
    void reply(socket, end < 0 ? undefined : text.slice(0, end), options);
  });
}

async function reply(socket: Socket, line: string | undefined, options: ControlServerOptions): Promise<void> {
  const request = line === undefined ? undefined : decodeRequest(line);
  let answer: ControlAnswer;
  try {
    answer =
      request === undefined
        ? { ok: false, why: 'not a request that this version knows' }
        : await withDeadline(options.answer(request), ANSWER_MS, request.verb);
  } catch (error) {
    options.onError(errorText(error));
    answer = { ok: false, why: oneLine(errorText(error)) };
  }
  socket.setTimeout(REQUEST_MS, () => socket.destroy());
  socket.end(`${JSON.stringify(answer)}\n`);
}

/** The request in a line, or undefined when it is none. */
export function decodeRequest(line: string): ControlRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Whatever it is, it is no request.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { verb, farm, least, most, since, pid, signal } = value as Record<string, unknown>;
  if (verb === 'status' || verb === 'reload' || verb === 'stop') return { verb };
  if (verb === 'recover') return isTime(since) ? { verb, since } : undefined;
  if (verb === 'kill') return isPid(pid) && isKillSignal(signal) ? { verb, pid, signal } : undefined;
  if (verb !== 'resize' || !isFarmName(farm) || !isCount(least) || !isCount(most)) return undefined;
  return { verb, farm, least, most };
}

function isFarmName(value: unknown): value is FarmName {
  return FARM_NAMES.some((name) => name === value);
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPid(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 1;
}

function isKillSignal(value: unknown): value is KillSignal {
  return KILL_SIGNALS.some((signal) => signal === value);
}

/** More workers than that of one farm are a typing error. */
const MAX_WORKERS = 1000;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_WORKERS;
}
