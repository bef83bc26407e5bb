/** What only the supervisor knows of a configuration: whether its user is there, and may read what the workers read. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pemFiles } from '../config/check-files.ts';
import type { Finding, Settings } from '../config/schema.ts';
import { canRead, chooseUser } from './privileges.ts';

/** `etc` is where relative paths begin. */
export function checkUser(settings: Settings, etc: string): Finding[] {
  const choice = chooseUser(settings.user);
  if (!choice.ok) return [{ paths: [['user']], message: choice.why }];
  const { user } = choice;
  if (user === undefined) return [];
  return pemFiles(settings)
    .filter(({ file }) => existsSync(path.resolve(etc, file)) && !canRead(user, path.resolve(etc, file)))
    .map(({ path: key, file }) => ({
      paths: [key],
      message: `expected a file that the workers' user ${user.name} can read, got ${file}`,
    }));
}
