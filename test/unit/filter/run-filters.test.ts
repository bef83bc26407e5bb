/** Verdicts of whole chains, and that all trouble, in filters, threads or the store, is a deferral. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { Filter as Settings } from '../../../src/config/config.ts';
import { deferral, type Filter } from '../../../src/filter/filter.ts';
import { runFilters, type Answer } from '../../../src/filter/run-filters.ts';
import type { Structure, StructureLimits } from '../../../src/filter/scan-structure.ts';
import { judge, structureFilter } from '../../../src/filter/structure-filter.ts';
import { StructurePool } from '../../../src/filter/structure-pool.ts';
import type { Check } from '../../../src/ipc/messages.ts';
import type { QueueId, ReadResult, StoredMessage } from '../../../src/queue/store.ts';
import { waitFor } from '../../support/wait.ts';
import { LIMITS, multipart } from './structure-samples.ts';

const ID = '0000000000000000001';
const ENVELOPE: Check['envelope'] = {
  sender: 'a@b',
  recipients: [{ address: 'c@d' }],
  received: 1,
  tenant: 'default',
  origin: { via: 'smtp' },
};
const SETTINGS: Settings = { kind: 'structure', ...LIMITS, action: 'reject' };
const MISBEHAVING = path.join(import.meta.dirname, 'hanging-thread.ts');

function inMemory(text: string): StoredMessage {
  const bytes = Buffer.from(text);
  return { id: ID as QueueId, envelope: ENVELOPE, size: bytes.length, bytes, stream: () => Readable.from([bytes]) };
}

/** A message that is only to be had in chunks. */
function large(chunks: Iterable<Buffer>): StoredMessage {
  return { id: ID as QueueId, envelope: ENVELOPE, size: 1, stream: () => Readable.from(chunks, { objectMode: false }) };
}

interface Run {
  readonly message?: StoredMessage;
  readonly read?: () => Promise<ReadResult>;
  readonly timeoutMs?: number;
  readonly names?: readonly string[];
  readonly signal?: AbortSignal;
}

async function run(
  filters: readonly Filter[],
  options: Run = {},
): Promise<Answer & { logged: string[]; written: string[] }> {
  const logged: string[] = [];
  const written: string[] = [];
  const message = options.message ?? inMemory('Subject: x\r\n\r\n');
  const answer = await runFilters(
    { t: 'check', n: 1, handle: ID, envelope: ENVELOPE, filters: options.names ?? filters.map(({ name }) => name) },
    {
      store: {
        read: options.read ?? (() => Promise.resolve({ kind: 'found', message })),
        writeReplacement: (_, content) => Promise.resolve(void written.push(Buffer.from(content).toString())),
      },
      filters: new Map(filters.map((filter) => [filter.name, filter])),
      log: { error: (event) => void logged.push(event), warn: (event) => void logged.push(event) },
      timeoutMs: options.timeoutMs ?? 60_000,
    },
    options.signal ?? new AbortController().signal,
  );
  return { ...answer, logged, written };
}

function filter(name: string, check: Filter['check']): Filter {
  return { name, check };
}

function openPool(t: TestContext, module?: string): StructurePool {
  const pool = new StructurePool({ threads: 1, ...(module === undefined ? {} : { module }) });
  t.after(() => pool.close());
  return pool;
}

describe('runFilters', () => {
  it('accepts when all do, with all headers, later ones on top', async () => {
    const answer = await run([
      filter('one', async () => ({ verdict: 'accept', prepend: 'X-One: 1\r\n' })),
      filter('two', async () => ({ verdict: 'accept', prepend: 'X-Two: 2\r\n' })),
    ]);
    assert.deepEqual(answer, { verdict: 'accept', prepend: 'X-Two: 2\r\nX-One: 1\r\n', logged: [], written: [] });
  });

  it('shows changed content to the next filter and writes the last form once', async () => {
    const seen: string[] = [];
    const append = (name: string): Filter =>
      filter(name, async (message) => {
        seen.push(String(message.bytes));
        return { verdict: 'accept', content: Buffer.from(`${String(message.bytes)}${name}`) };
      });
    const answer = await run([append('a'), append('b')], { message: inMemory('-') });
    assert.deepEqual(seen, ['-', '-a']);
    assert.deepEqual(answer, { verdict: 'accept', replaced: true, logged: [], written: ['-ab'] });
  });

  it('stops at the first that refuses, and writes nothing then', async () => {
    const answer = await run([
      filter('change', async () => ({ verdict: 'accept', content: Buffer.from('new') })),
      filter('refuse', async () => ({ verdict: 'reject', reply: { code: 550, status: '5.7.1', text: 'no' } })),
      filter('never', () => assert.fail('not reached')),
    ]);
    assert.equal(answer.verdict, 'reject');
    assert.equal(answer.by, 'refuse');
    assert.deepEqual(answer.written, []);
  });

  const broken: Record<string, () => Promise<Answer & { logged: string[] }>> = {
    'a filter that throws': () => run([filter('a', () => Promise.reject(new Error('x')))]),
    'a filter nobody knows': () => run([], { names: ['__proto__'] }),
    'a filter that never ends': () => run([filter('a', () => new Promise(() => undefined))], { timeoutMs: 20 }),
    'a message that is gone': () => run([], { read: () => Promise.resolve({ kind: 'missing' }) }),
    'a message that is damaged': () => run([], { read: () => Promise.resolve({ kind: 'corrupt', why: 'x' }) }),
    'a store that fails': () => run([], { read: () => Promise.reject(new Error('EIO')) }),
  };
  for (const [what, make] of Object.entries(broken)) {
    it(`defers on ${what}`, async () => {
      const answer = await make();
      assert.equal(answer.verdict, 'defer');
      assert.equal(answer.reply?.code, 451);
      assert.match(answer.reply?.status ?? '', /^4\.\d\.\d$/);
      assert.equal(answer.logged.length, 1);
    });
  }

  it('ends early and quietly when nobody waits any more', async () => {
    const gone = new AbortController();
    const waiting = filter(
      'a',
      (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone')))),
    );
    const answer = run([waiting], { signal: gone.signal });
    setImmediate(() => gone.abort());
    assert.deepEqual((await answer).logged, []);
  });
});

describe('structure filter', () => {
  it('judges messages in memory and messages in chunks', async (t) => {
    const own = [structureFilter('structure', SETTINGS, openPool(t))];
    assert.equal((await run(own)).verdict, 'accept');
    const bomb = await run(own, { message: inMemory(multipart('b') + '--b\r\n\r\n'.repeat(20_000)) });
    assert.equal(bomb.reply?.code, 554);
    assert.equal(bomb.by, 'structure');
    const chunks = [
      multipart('b'),
      '--b\r\n',
      '\r\nx\r\n'.repeat(1000),
      '--b\r\nContent-Type: a; name=a.exe\r\n',
      '\r\n',
    ];
    const found = await run(own, { message: large(chunks.map((chunk) => Buffer.from(chunk))) });
    assert.equal(found.reply?.code, 550);
    assert.equal((await run(own, { message: large([Buffer.from('\r\n')]) })).verdict, 'accept');
    assert.equal((await run(own, { message: large([]) })).verdict, 'accept');
  });

  it('reads no more of a large message than it needs', async (t) => {
    let given = 0;
    const endless = large(
      (function* () {
        yield Buffer.from('Content-Type: text/plain\r\n\r\n');
        for (;;) {
          given += 1;
          yield Buffer.alloc(65_536, 'x');
        }
      })(),
    );
    assert.equal((await run([structureFilter('s', SETTINGS, openPool(t))], { message: endless })).verdict, 'accept');
    assert.ok(given < 20, `${given}`);
  });

  it('defers when the stream of the message breaks', async (t) => {
    const torn = large(
      (function* () {
        yield Buffer.from(multipart('b'));
        throw new Error('EIO');
      })(),
    );
    const pool = openPool(t);
    assert.equal((await run([structureFilter('s', SETTINGS, pool)], { message: torn })).verdict, 'defer');
    assert.equal((await run([structureFilter('s', SETTINGS, pool)])).verdict, 'accept');
  });

  it('defers when its thread hangs, dies or runs out of memory, and goes on with the next message', async (t) => {
    const pool = openPool(t, MISBEHAVING);
    const own = [structureFilter('structure', SETTINGS, pool)];
    assert.equal((await run(own, { message: inMemory('hang'), timeoutMs: 1000 })).verdict, 'defer');
    await waitFor(() => pool.threads === 0, { what: 'the hanging thread ended' });
    for (const how of ['throw', 'exit', 'memory']) {
      const answer = await run(own, { message: inMemory(how) });
      assert.equal(answer.verdict, 'defer', how);
      assert.equal(answer.reply?.status, '4.7.0');
      assert.equal((await run(own)).verdict, 'accept', `after ${how}`);
    }
    assert.equal((await run(own, { message: large([Buffer.alloc(10), Buffer.alloc(10)]) })).verdict, 'defer');
    assert.equal((await run(own)).verdict, 'accept');
  });
});

describe('judge', () => {
  const violations: NonNullable<Structure['violation']>[] = [
    { kind: 'depth' },
    { kind: 'parts' },
    { kind: 'headers' },
    { kind: 'header-size' },
    { kind: 'boundary' },
    { kind: 'name', name: 'böse"\r\n250 ok.exe', pattern: '*.exe' },
  ];
  it('gives each passed limit a permanent reply in safe ASCII that says what to do', () => {
    for (const violation of violations) {
      const verdict = judge({ parts: 1, depth: 1, violation }, SETTINGS);
      assert.ok(verdict.verdict === 'reject');
      const { code, status, text } = verdict.reply;
      assert.ok([550, 552, 554].includes(code));
      assert.match(status, /^5\.\d\.\d$/);
      assert.match(text, /^[\x20-\x7e]{20,200}$/);
      assert.match(text, /; (send|share) /);
    }
  });

  it('quarantines where told so', () => {
    const verdict = judge({ parts: 1, depth: 1, violation: { kind: 'parts' } }, { ...SETTINGS, action: 'quarantine' });
    assert.equal(verdict.verdict, 'quarantine');
  });

  it('says limits in figures that fit', () => {
    const small: StructureLimits = { ...LIMITS, headerSize: 100 };
    const verdict = judge({ parts: 1, depth: 0, violation: { kind: 'header-size' } }, { ...SETTINGS, ...small });
    assert.ok(verdict.verdict === 'reject' && verdict.reply.text.includes('100 bytes'));
    assert.equal(deferral('4.7.0', 'x').verdict, 'defer');
  });
});
