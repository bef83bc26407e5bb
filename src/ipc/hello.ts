/**
 * The first frame of each side of a connection. It proves the version, and who speaks; it is not a proof of identity:
 * that is the directory's mode 0700, or mutual TLS.
 */
import type { Socket } from 'node:net';
import { FrameDecoder } from './codec.ts';
import { PROTOCOL_VERSION, type Frame, type Hello } from './messages.ts';
import { Peer } from './peer.ts';

/** How long a connection may stay silent before it says hello, in ms. */
export const HELLO_MS = 5000;

/** This process's own hello. */
export function makeHello({ farm, worker }: { readonly farm: string; readonly worker: string }): Hello {
  return { t: 'hello', v: PROTOCOL_VERSION, farm, worker, pid: process.pid };
}

/** Says hello and waits for the other's; resolves with the peer or with the reason why there is none. */
export function shakeHands(socket: Socket, self: Hello, deadlineMs: number): Promise<Peer | string> {
  return new Promise((resolve) => {
    const decoder = new FrameDecoder();
    const timer = setTimeout(() => finish('no hello in time'), deadlineMs);
    const onData = (chunk: Buffer): void => {
      const decoded = decoder.feed(chunk);
      if (decoded.bad !== undefined) return finish(`bad frame: ${decoded.bad}`);
      if (decoded.frames.length > 0) finish(greet(decoded.frames));
    };
    const onError = (error: Error): void => finish(error.message);
    const onClose = (): void => finish('closed before hello');
    function greet(frames: readonly Frame[]): Peer | string {
      const [hello, ...early] = frames;
      if (hello?.t !== 'hello') return 'bad frame: no hello';
      if (hello.v !== PROTOCOL_VERSION) return `speaks version ${hello.v}, we speak ${PROTOCOL_VERSION}`;
      return new Peer(socket, hello, { decoder, early });
    }
    function finish(result: Peer | string): void {
      clearTimeout(timer);
      socket.off('data', onData).off('error', onError).off('close', onClose);
      if (typeof result === 'string') {
        socket.on('error', () => socket.destroy());
        socket.destroy();
      }
      resolve(result);
    }
    socket.on('data', onData).on('error', onError).on('close', onClose);
    socket.write(`[${JSON.stringify(self)}]\n`);
  });
}
