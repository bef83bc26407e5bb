/**
 * An SMTP server that answers as a script says: a function from the command (or '.' for the message's end, or ''
 * for the greeting) to the reply, or to undefined for "close the connection now". It keeps all it was sent.
 */
import net from 'node:net';
import { once } from 'node:events';

export interface ScriptedServer {
  readonly port: number;
  readonly commands: string[];
  /** The messages, as they came over the wire but for the last dot. */
  readonly messages: string[];
  close(): Promise<void>;
}

export type Script = (command: string) => string | undefined;

/** Answers of a server that takes everything. */
export function acceptAll(command: string): string {
  if (command === '') return '220 scripted';
  if (/^EHLO/i.test(command))
    return '250-scripted\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 SIZE 1000000';
  if (/^DATA/i.test(command)) return '354 go on';
  if (/^QUIT/i.test(command)) return '221 bye';
  return '250 ok';
}

export async function startScriptedServer(
  script: Script,
  listenAt: net.ListenOptions = { port: 0, host: '127.0.0.1' },
): Promise<ScriptedServer> {
  const commands: string[] = [];
  const messages: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve(socket, script, { commands, messages });
  });
  server.listen(listenAt);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    commands,
    messages,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(
  socket: net.Socket,
  script: Script,
  seen: { readonly commands: string[]; readonly messages: string[] },
): void {
  let text = '';
  let inData = false;
  const answer = (command: string): boolean => {
    const reply = script(command);
    if (reply === undefined) socket.destroy();
    else socket.write(`${reply}\r\n`);
    return reply?.startsWith('354') ?? false;
  };
  answer('');
  socket.on('data', (chunk) => {
    text += chunk.toString('utf8');
    for (;;) {
      const mark = inData ? '\r\n.\r\n' : '\r\n';
      const at = inData && text.startsWith('.\r\n') ? -2 : text.indexOf(mark);
      if (at === -1) return;
      const part = text.slice(0, Math.max(at, 0));
      text = text.slice(at + mark.length);
      if (inData) seen.messages.push(part === '' ? '' : `${part}\r\n`);
      else seen.commands.push(part);
      inData = answer(inData ? '.' : part);
    }
  });
}
