/** The version of this Mailfarm, from package.json. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { codeRoot } from '../../config/paths.ts';

export function packageVersion(): string {
  const file = path.join(codeRoot(), 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: string };
  return version ?? 'unknown';
}
