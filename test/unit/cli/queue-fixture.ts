/** A queue on disk with messages in known states, and the command that looks at it; nothing runs. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Envelope } from '../../../src/mail/envelope.ts';
import type { Outcome } from '../../../src/mail/outcome.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Store } from '../../../src/queue/store.ts';
import { run, type Ran } from '../../support/run.ts';
import { makeTemp } from '../../support/temp.ts';

const QUEUE = { split: 64, inline: 262_144, segment: 16_777_216, segmentAge: 10_000, freeSpace: 0, freeInodes: 0 };
const log = { warn: () => {}, error: () => {} };

export interface Planted {
  readonly sender?: string;
  readonly to?: readonly string[];
  /** Milliseconds since it was received. */
  readonly age?: number;
  readonly content?: string;
  readonly tenant?: string;
  /** Outcomes, without the time. */
  readonly outcomes?: readonly Omit<Outcome, 'at'>[];
  /** Into the hashed tree. */
  readonly inTree?: boolean;
}

export interface QueueFixture {
  readonly var: string;
  readonly etc: string;
  /** Puts a message in; resolves with its id. */
  plant(message?: Planted): Promise<string>;
  /** The same for many at a time. */
  plantAll(messages: readonly Planted[]): Promise<readonly string[]>;
  /** Runs bin/queue on it. */
  queue(...args: readonly string[]): Promise<Ran>;
  /** The objects that `queue list --json` prints. */
  list(...args: readonly string[]): Promise<readonly ListedMessage[]>;
}

export interface ListedMessage {
  readonly id: string;
  readonly sender: string;
  readonly state: string;
  readonly where: string;
  readonly recipients: readonly {
    readonly address: string;
    readonly state: string;
    readonly attempts: number;
    readonly why?: string;
  }[];
}

export function makeQueue(): QueueFixture {
  const root = makeTemp('queue');
  const folders = { var: path.join(root, 'var'), etc: path.join(root, 'etc') };
  for (const folder of Object.values(folders)) mkdirSync(folder, { mode: 0o700 });
  let writers = 0;
  const plantAll = async (messages: readonly Planted[]): Promise<readonly string[]> => {
    const store = await openStore({
      config: { queue: QUEUE },
      worker: `test-${++writers}`,
      log,
      role: 'writer',
      dir: path.join(folders.var, 'queue'),
    });
    try {
      return await Promise.all(messages.map((message) => plantIn(store, message)));
    } finally {
      await store.close();
    }
  };
  const queue = (...args: readonly string[]): Promise<Ran> =>
    run('bin/queue', args, { env: { MAILFARM_VAR: folders.var, MAILFARM_ETC: folders.etc } });
  return {
    ...folders,
    queue,
    plantAll,
    async plant(message = {}) {
      const [id = ''] = await plantAll([message]);
      return id;
    },
    async list(...args) {
      const { stdout } = await queue('list', '--json', ...args);
      return parseLines(stdout) as readonly ListedMessage[];
    },
  };
}

/** The objects of a text with one a line. */
export function parseLines(text: string): readonly unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

async function plantIn(store: Store, message: Planted): Promise<string> {
  const id = store.nextId();
  const received = Date.now() - (message.age ?? 0);
  const envelope: Envelope = {
    sender: message.sender ?? 'ann@example.org',
    recipients: (message.to ?? ['bob@example.net']).map((address) => ({ address })),
    received,
    tenant: message.tenant ?? 'default',
    origin: { via: 'smtp', ip: '192.0.2.1', helo: 'client.example' },
  };
  const draft = store.draft(id);
  await draft.write(Buffer.from(message.content ?? 'Subject: test\r\n\r\nhello\r\n'));
  const handle = await draft.commit(envelope);
  if (message.outcomes)
    await store.record(
      handle,
      message.outcomes.map((one) => ({ ...one, at: received })),
    );
  if (message.inTree) await store.moveToTree(handle);
  return id;
}
