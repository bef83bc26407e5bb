/** Where things are: the code, and by default etc/ and var/ beside it. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { parseDomain } from '../mail/domain.ts';

/** The folder that holds package.json: of the checkout, or of the installed package. */
export function codeRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** This machine's name in a form that mail can use; `localhost` when it has none. */
export function machineName(name: string = hostname()): string {
  const cleaned = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '');
  const parsed = parseDomain(cleaned);
  return parsed.ok ? parsed.domain : 'localhost';
}
