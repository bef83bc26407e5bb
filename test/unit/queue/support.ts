/** A queue in a temporary folder, and messages to put into it. */
import type { Envelope } from '../../../src/mail/envelope.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { MAX_RECORD_LINE } from '../../../src/queue/record.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Handle, Store } from '../../../src/queue/store.ts';
import { mkdirSync } from 'node:fs';
import { makeTemp, removeTemp } from '../../support/temp.ts';

export const SPLIT = 8;
export const SETTINGS = {
  split: SPLIT,
  inline: 10_000,
  segment: 1_000_000,
  segmentAge: 60_000,
  freeSpace: 0,
  freeInodes: 0,
};

export interface ClosedSegment {
  readonly segment: string;
  readonly total: number;
  readonly finished: readonly number[];
}

export interface TestQueue extends AsyncDisposable {
  readonly dir: string;
  readonly store: Store;
  readonly closed: ClosedSegment[];
  readonly complaints: string[];
}

export interface TestQueueOptions {
  readonly dir?: string;
  readonly worker?: string;
  readonly disk?: Disk;
  readonly settings?: Partial<typeof SETTINGS>;
}

export async function openTestQueue(options: TestQueueOptions = {}): Promise<TestQueue> {
  const temp = options.dir === undefined ? makeTemp('queue') : undefined;
  const dir = options.dir ?? `${temp}/queue`;
  mkdirSync(dir, { recursive: true });
  const closed: ClosedSegment[] = [];
  const complaints: string[] = [];
  const complain = (event: string, fields: Record<string, unknown> = {}): void =>
    void complaints.push(`${event} ${JSON.stringify(fields)}`);
  const store = await openStore({
    config: { queue: { ...SETTINGS, ...options.settings } },
    worker: options.worker ?? 'acceptor-1-test',
    role: 'writer',
    dir,
    log: { warn: complain, error: complain },
    disk: options.disk ?? createDisk(),
    onSegmentClosed: (segment, total, finished) => void closed.push({ segment, total, finished }),
  });
  return {
    dir,
    store,
    closed,
    complaints,
    async [Symbol.asyncDispose]() {
      await store.close();
      if (temp !== undefined) removeTemp(temp);
    },
  };
}

export function makeEnvelope(
  recipients: readonly string[] = ['to@example.org'],
  more: Partial<Envelope> = {},
): Envelope {
  return {
    sender: 'from@example.net',
    recipients: recipients.map((address) => ({ address })),
    received: Date.now(),
    tenant: 'default',
    origin: { via: 'smtp', ip: '192.0.2.1' },
    ...more,
  };
}

/** An envelope whose line, as `lineOf` makes it, is as long as a line may be. */
export function makeLongest(lineOf: (envelope: Envelope) => Buffer): Envelope {
  const address = 'x'.repeat(1000);
  const make = (count: number, last: string): Envelope => ({
    ...makeEnvelope([...Array.from({ length: count }, () => address), last]),
    received: 1_700_000_000_000,
  });
  const one = lineOf(make(1, '')).length - lineOf(make(0, '')).length;
  const count = Math.floor((MAX_RECORD_LINE - lineOf(make(0, '')).length) / one);
  return make(count, 'x'.repeat(MAX_RECORD_LINE - lineOf(make(count, '')).length));
}

export async function commit(store: Store, content: string | Buffer, envelope = makeEnvelope()): Promise<Handle> {
  const draft = store.draft(store.nextId());
  await draft.write(Buffer.from(content));
  return draft.commit(envelope);
}

/** The content behind a handle, or what kind of answer came instead. */
export async function contentOf(store: Store, handle: Handle): Promise<string> {
  const read = await store.read(handle);
  if (read.kind !== 'found') return read.kind;
  const chunks: Buffer[] = [];
  for await (const chunk of read.message.stream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** Everything that a walk tells. */
export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
