/** Certificates for tests, made by openssl: a CA, and certificates that it signed. Undefined where there is no openssl. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** One certificate signed by a CA of its own, all in this folder, readable for the user of the workers. */
export function makeCertificate(dir: string, name: string): Certificate | undefined {
  const at = (file: string): string => join(dir, `${name}-${file}`);
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' });
  try {
    openssl('version');
  } catch {
    // Not installed: the test says so and is skipped.
    return undefined;
  }
  const days = ['-days', '2'];
  openssl('req', '-x509', ...KEY, ...days, '-subj', `/CN=${name}-ca`, '-keyout', at('ca.key'), '-out', at('ca.pem'));
  openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', at('key.pem'), '-out', at('csr.pem'));
  const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', '1'];
  openssl('x509', '-req', '-in', at('csr.pem'), ...signer, ...days, '-out', at('cert.pem'));
  for (const file of ['ca.pem', 'key.pem', 'cert.pem']) chmodSync(at(file), 0o644);
  return { cert: at('cert.pem'), key: at('key.pem'), ca: at('ca.pem') };
}

/** As Node's tls wants it. */
export function readCertificate(paths: Certificate): { cert: Buffer; key: Buffer; ca: Buffer } {
  return { cert: readFileSync(paths.cert), key: readFileSync(paths.key), ca: readFileSync(paths.ca) };
}
