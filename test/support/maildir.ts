/** Reads Maildirs as a mail client would. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Delivered {
  readonly path: string;
  readonly content: Buffer;
}

/** Messages in `new` and `cur` of one Maildir; none when it is not there. */
export function readMaildir(dir: string): Delivered[] {
  return ['new', 'cur'].flatMap((folder) => {
    let names: string[];
    try {
      names = readdirSync(join(dir, folder));
    } catch {
      // Nothing was delivered yet.
      return [];
    }
    return names.map((name) => ({ path: join(dir, folder, name), content: readFileSync(join(dir, folder, name)) }));
  });
}

/** How many, without reading them. */
export function countMaildir(dir: string): number {
  return ['new', 'cur'].reduce((sum, folder) => {
    try {
      return sum + readdirSync(join(dir, folder)).length;
    } catch {
      return sum;
    }
  }, 0);
}
