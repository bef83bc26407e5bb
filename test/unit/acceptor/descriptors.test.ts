/** F13: an acceptor that runs out of descriptors neither ends nor spins, and is well again when they are free. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { waitFor } from '../../support/wait.ts';
import { SmtpClient } from './smtp-client.ts';

/** A figure that the process gives. */
interface Figures {
  readonly sessions: number;
  readonly cpuMs: number;
}

describe('without descriptors', { skip: process.platform === 'win32' }, () => {
  it('clients are turned away, and later served', async (t) => {
    const program = join(import.meta.dirname, 'acceptor-process.ts');
    const shell = spawn('sh', ['-c', 'ulimit -n 44 && exec "$0" "$1"', process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => shell.kill('SIGKILL'));
    const lines: string[] = [];
    createInterface({ input: shell.stdout }).on('line', (line) => lines.push(line));
    const figures = async (): Promise<Figures> => {
      const before = lines.length;
      shell.stdin.write('?\n');
      return JSON.parse(await waitFor(() => lines[before])) as Figures;
    };
    const port = Number(await waitFor(() => lines[0]));
    const flood = await Promise.all(Array.from({ length: 100 }, () => open(port)));
    const served = await SmtpClient.connect({ host: '127.0.0.1', port }).catch(() => undefined);
    served?.close();
    // Connected is not yet accepted.
    const first = await waitFor(async () => {
      const now = await figures();
      return now.sessions > 0 ? now : undefined;
    });
    assert.ok(first.sessions < 44);
    for (const socket of flood) socket.destroy();
    await waitFor(async () => (await figures()).sessions === 0);
    const client = await waitFor(async () => {
      const one = await SmtpClient.greeted({ host: '127.0.0.1', port });
      return one.closed ? undefined : one;
    });
    assert.match(await client.send('Subject: x\r\n\r\n'), /^250/);
    client.close();
    shell.stdin.end();
    const [status] = (await once(shell, 'exit')) as [number | null];
    assert.equal(status, 0);
  });
});

/** Connected, or refused: both are fine here. */
function open(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('connect', () => resolve(socket));
    socket.on('error', () => resolve(socket));
  });
}
