/** Checks that the files which the configuration names are there, can be read, and are what they should be. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode, errorText } from '../base/text.ts';
import type { Path } from './merge.ts';
import type { Finding, Settings } from './schema.ts';

/** A PEM file; a key belongs to the certificate that stands in the same section. */
export interface NamedFile {
  readonly path: Path;
  readonly file: string;
  readonly kind: 'key' | 'cert' | 'ca';
}

/** `etc` is where relative paths begin. */
export async function checkFiles(settings: Partial<Settings>, etc: string): Promise<Finding[]> {
  const { aliases } = settings;
  const findings = aliases === undefined ? [] : await unreadable(['aliases'], aliases, etc);
  const certificates = new Map<string, X509Certificate>();
  for (const { path, file, kind } of pemFiles(settings)) {
    const missing = await unreadable(path, file, etc);
    findings.push(...missing);
    if (missing.length > 0) continue;
    const text = await readFile(resolve(etc, file), 'utf8');
    const why = whyNotPem(kind, text, { certificates, section: path.slice(0, -1).join('.') });
    if (why !== undefined) findings.push({ paths: [path], message: `expected ${why}, got ${file}` });
  }
  return findings;
}

/** Certificates, keys and authorities, each certificate before its key. */
export function pemFiles({ listen = [], ipc }: Partial<Settings>): NamedFile[] {
  const sections: [Path, Partial<Record<'key' | 'cert' | 'ca', string>>][] = listen.map((one, i) => [
    ['listen', i],
    one,
  ]);
  if (ipc !== undefined) sections.push([['ipc'], ipc]);
  return sections.flatMap(([path, section]) =>
    (['cert', 'key', 'ca'] as const).flatMap((kind): NamedFile[] => {
      const file = section[kind];
      return file === undefined ? [] : [{ path: [...path, kind], file, kind }];
    }),
  );
}

/** What was expected instead; undefined when the text is fine. */
function whyNotPem(
  kind: NamedFile['kind'],
  text: string,
  { certificates, section }: { readonly certificates: Map<string, X509Certificate>; readonly section: string },
): string | undefined {
  try {
    if (kind === 'key') return whyNotKeyOf(certificates.get(section), createPrivateKey(text));
    const certificate = new X509Certificate(text);
    if (kind === 'cert') certificates.set(section, certificate);
    return undefined;
  } catch {
    return kind === 'key' ? 'a private key in PEM form, without a passphrase' : 'a certificate in PEM form';
  }
}

function whyNotKeyOf(certificate: X509Certificate | undefined, key: KeyObject): string | undefined {
  return certificate === undefined || certificate.checkPrivateKey(key)
    ? undefined
    : 'the key of the certificate beside it';
}

async function unreadable(path: Path, file: string, etc: string): Promise<Finding[]> {
  const why = await whyNotReadable(resolve(etc, file));
  return why === undefined ? [] : [{ paths: [path], message: `expected a file that can be read, got ${file}: ${why}` }];
}

/** Undefined when the path is a folder. */
export async function whyNotFolder(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? undefined : 'is not a folder';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'there is no such folder' : errorText(error);
  }
}

/** Undefined when the path is a file that can be read. */
async function whyNotReadable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).isFile() ? undefined : 'is not a file';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'there is no such file' : errorText(error);
  }
}
