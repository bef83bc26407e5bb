/** Recovers from a state in this process, with the injector itself and a router and scheduler that take everything. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { injectAll } from '../../../src/injector/inject.ts';
import { createCorruptFolder } from '../../../src/injector/corrupt-folder.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { QueuedMessage } from '../../../src/queue/queued-message.ts';
import { QueueWalk } from '../../../src/queue/walk.ts';
import { readMaildir } from '../../support/maildir.ts';
import { openFarm, type Farm } from '../../unit/injector/support.ts';

/** A message as it is found after the recovery. */
export interface Found {
  readonly message: QueuedMessage;
  readonly content: Buffer | undefined;
}

export interface Recovered {
  /** Unfinished messages by queue id. */
  readonly queue: ReadonlyMap<string, Found>;
  readonly deleted: ReadonlyMap<string, Found>;
  /** What lies in new/ and cur/ of all Maildirs. */
  readonly delivered: readonly string[];
  /** Ids that the injector gave to router and scheduler. */
  readonly handedOn: ReadonlySet<string>;
  readonly corrupt: readonly string[];
}

const SETTINGS = { inline: 1 << 26, segment: 1 << 26, segmentAge: 3_600_000, freeSpace: 0, freeInodes: 0 };
const QUIET: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  flush: () => Promise.resolve(true),
  dropped: () => 0,
  close: () => undefined,
};

export class Recovery {
  readonly #split: number;
  readonly #farm: Promise<Farm>;

  constructor(split: number) {
    this.#split = split;
    this.#farm = openFarm();
  }

  /** Recovers what lies in `dir` (a var), and looks at what is there afterwards. Rejects when recovery fails. */
  async run(dir: string): Promise<Recovered> {
    const farm = await this.#farm;
    const layout = { root: join(dir, 'queue'), split: this.#split };
    const config = { queue: { ...SETTINGS, split: this.#split } };
    // As every worker does at its start.
    const store = await openStore({ config, role: 'command', worker: 'injector-1-test', log: QUIET, dir: layout.root });
    const corrupt = createCorruptFolder(layout, QUIET);
    farm.toRouter.length = 0;
    farm.toScheduler.length = 0;
    const walk = (): QueueWalk => new QueueWalk({ dir: layout.root, split: layout.split, onCorrupt: corrupt.setAside });
    await injectAll(
      {
        scheduler: farm.scheduler,
        router: farm.router,
        schedulerHandOn: farm.schedulerHandOn,
        walk: walk(),
        live: () => new Set(),
        since: 0,
        log: QUIET,
        stopped: () => false,
      },
      'start',
    );
    const handedOn = new Set([...farm.toRouter, ...farm.toScheduler].flatMap(idOf));
    const read = async (message: QueuedMessage): Promise<Found> => ({
      message,
      content: message.where === 'deleted' ? undefined : await contentOf(store, message),
    });
    const [queue, deleted] = [new Map<string, Found>(), new Map<string, Found>()];
    const after = walk();
    await after.readOutcomes();
    for await (const segment of after.segments()) {
      for await (const message of segment.messages()) {
        if (after.fileOf(message.id) === undefined) queue.set(message.id, await read(message));
      }
    }
    for await (const message of after.tree())
      if (message.recipients.length > 0) queue.set(message.id, await read(message));
    for await (const message of after.deleted()) deleted.set(message.id, await read(message));
    after.close();
    await store.close();
    return {
      queue,
      deleted,
      handedOn,
      delivered: readMaildirs(join(dir, 'mail')),
      corrupt: readdirSync(`${layout.root}/corrupt`),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#farm)[Symbol.asyncDispose]();
  }
}

function idOf(frame: Frame): string[] {
  return 'handle' in frame && typeof frame.handle === 'string' ? [frame.handle.slice(0, 19)] : [];
}

async function contentOf(
  store: Awaited<ReturnType<typeof openStore>>,
  message: QueuedMessage,
): Promise<Buffer | undefined> {
  const result = await store.read(message.handle);
  return result.kind === 'found' ? result.message.bytes : undefined;
}

function readMaildirs(root: string): string[] {
  const entries = ((): string[] => {
    try {
      return readdirSync(root, { recursive: true, encoding: 'utf8' });
    } catch {
      return [];
    }
  })();
  const maildirs = entries.filter((name) => name.endsWith('/new')).map((name) => join(root, name.slice(0, -4)));
  return maildirs.flatMap((dir) => readMaildir(dir).map(({ path }) => readFileSync(path, 'latin1')));
}
