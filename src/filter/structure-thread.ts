/**
 * What runs in a piscina thread: the structure of one message. Small messages come whole, large ones chunk by chunk over
 * a port; each chunk is answered, true for more, so that at most one is under way. The thread may be ended at any time.
 */
import type { MessagePort } from 'node:worker_threads';
import { StructureScanner, type Structure, type StructureLimits } from './scan-structure.ts';

export interface WholeTask {
  readonly limits: StructureLimits;
  readonly bytes: Uint8Array;
}

export interface StreamTask {
  readonly limits: StructureLimits;
  /** Brings Uint8Arrays, then null at the end of the message. */
  readonly port: MessagePort;
}

export function scanWhole({ limits, bytes }: WholeTask): Structure {
  const scanner = new StructureScanner(limits);
  scanner.push(asBuffer(bytes));
  return scanner.end();
}

export function scanStream({ limits, port }: StreamTask): Promise<Structure> {
  const scanner = new StructureScanner(limits);
  return new Promise((resolve, reject) => {
    port.on('message', (chunk: Uint8Array | null) => {
      if (chunk === null) {
        resolve(scanner.end());
        port.close();
      } else {
        port.postMessage(scanner.push(asBuffer(chunk)));
      }
    });
    port.on('close', () => reject(new Error('the message ended in the middle')));
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
