/** Messages that tests of the structure filter are made of. */
import { runInNewContext } from 'node:vm';
import { StructureScanner, type Structure, type StructureLimits } from '../../../src/filter/scan-structure.ts';

export const LIMITS: StructureLimits = {
  depth: 100,
  parts: 10_000,
  headerSize: 256 * 1024,
  headers: 1000,
  forbiddenNames: ['*.exe', '*.scr', 'invoice?.js'],
};

/** Header of a multipart with this boundary. */
export function multipart(boundary: string, kind = 'mixed'): string {
  return `Content-Type: multipart/${kind}; boundary="${boundary}"\r\n\r\n`;
}

/** Scans a message, given one character per byte, in chunks of so many bytes. */
export function scan(text: string | Buffer, limits: Partial<StructureLimits> = {}, chunk = 64 * 1024): Structure {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const scanner = new StructureScanner({ ...LIMITS, ...limits });
  for (let at = 0; at < bytes.length; at += chunk) {
    if (!scanner.push(bytes.subarray(at, at + chunk))) break;
  }
  return scanner.end();
}

/** What `work` returns. Throws when it takes longer, although it never gives the thread up: what is native ends first. */
export function endWithin<T>(ms: number, work: () => T): T {
  return runInNewContext('work()', { work }, { timeout: ms }) as T;
}
