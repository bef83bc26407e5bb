/** The schema of farms.yaml: one row per farm. */
import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import type { Farm, FarmName } from './config.ts';
import { duration, leaf, section, size, text, whole } from './leaf.ts';
import { isSocketPath, parseListen } from './listen-address.ts';

const MOST_WORKERS = 64;
const MIB = 1024 * 1024;
/** Node does not start with less. */
const LEAST_MEMORY = 32 * MIB;
const PATH = 'a path below var of at most 100 characters, such as run/NAME.sock';

/** Processes write to the log before they read any key. */
const pathOnly = text(`${PATH}; the log has no tls:// address`, readPath);

/** The supervisor binds it, so it is an address of this machine, not a name. */
const socket = text(`${PATH}, or tls://ADDRESS:PORT with an IP address or localhost`, (value) => {
  if (!value.startsWith('tls://')) return readPath(value);
  const parsed = parseListen(value.slice(6));
  return parsed?.kind === 'tcp' && parsed.port > 0 ? value : undefined;
});

function readPath(value: string): string | undefined {
  return isSocketPath(value) && /^[^/].*\//.test(value) ? value : undefined;
}

const memory = leaf('0, or a size from 32MiB to 64GiB', (value) => {
  if (value === 0) return 0;
  const parsed = size(LEAST_MEMORY, 64 * 1024 * MIB).safeParse(value);
  return parsed.success ? Math.round(parsed.data / MIB) : undefined;
});

function most(highest: number): z.ZodType<number> {
  const expected = highest === 1 ? '1: this farm never has more' : `a whole number from 1 to ${highest}, or auto`;
  const fixed = whole(1, highest);
  return leaf(expected, (value) => (value === 'auto' ? Math.min(highest, autoWorkers()) : fixed.safeParse(value).data));
}

/** What `most: auto` means: the number of cores, but two at least, so that one stuck worker is not all of them. */
function autoWorkers(): number {
  return Math.max(2, availableParallelism());
}

/** A row; `least` and `most` bound what the row may ask for. */
function farm(lowest: number, highest: number, place = socket): z.ZodType<Farm> {
  const row = section({
    socket: place,
    least: whole(lowest, highest),
    most: most(highest),
    workers: whole(Math.max(1, lowest), highest).optional(),
    jobs: whole(0, 1_000_000_000),
    threads: whole(0, 64),
    memory,
    drain: duration(100, 3_600_000),
  });
  return row.transform(({ workers, ...rest }, context): Farm => {
    if (workers !== undefined) return { ...rest, least: workers, most: workers };
    if (rest.least > rest.most) {
      const message = `expected at most ${rest.most}, which is the most of this farm`;
      context.issues.push({ code: 'custom', message, input: rest.least, path: ['least'] });
    }
    return rest;
  });
}

/** There is one scheduler and one writer of logs; without an acceptor nothing would wake one. */
const ROWS = {
  log: farm(1, 1, pathOnly),
  scheduler: farm(1, 1),
  router: farm(0, MOST_WORKERS),
  filter: farm(0, MOST_WORKERS),
  smtp: farm(0, MOST_WORKERS),
  lmtp: farm(0, MOST_WORKERS),
  maildir: farm(0, MOST_WORKERS),
  bounce: farm(0, MOST_WORKERS),
  acceptor: farm(1, MOST_WORKERS),
  injector: farm(0, 1),
} satisfies Record<FarmName, z.ZodType<Farm>>;

export const farmsSchema = section(ROWS);
