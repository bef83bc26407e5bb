/** Sessions that are open, said EHLO, and send nothing. */
import net from 'node:net';

const OPEN_MS = 60_000;

/** Opens them one after another: some servers start a process for each. They end with the block. */
export async function openIdleSessions(port: number, count: number): Promise<Disposable> {
  const sockets: net.Socket[] = [];
  const dispose = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    while (sockets.length < count) {
      const socket = net.connect({ port, host: '127.0.0.1' });
      sockets.push(socket);
      await opened(socket);
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { [Symbol.dispose]: dispose };
}

function opened(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no greeting within ${OPEN_MS} ms`)), OPEN_MS);
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('an idle session was closed')));
    socket.once('data', () => socket.write('EHLO idle.bench.example\r\n'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!/^250 .*\r\n/m.test(text)) return;
      clearTimeout(timer);
      socket.removeAllListeners('data').resume();
      resolve();
    });
  });
}
