/**
 * The run that is recorded: a real farm that does all it can do to its queue, killed once and started twice. What clients, next hop
 * and operator saw goes into the ledger.
 */
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeContent, testId } from '../../support/content.ts';
import { makeFolders, startFarm, type Farm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { signal } from '../../support/processes.ts';
import { startSink, type SinkOptions } from '../../support/sink.ts';
import { SessionLost, SmtpSession } from '../../support/smtp-session.ts';
import { waitFor } from '../../support/wait.ts';
import { now, type Ledger, type Sent, type Verb } from './promises.ts';

export const SPLIT = 4;
const ALIASES = new Map([['list@localhost', ['member@far.example', 'carl@localhost']]]);

export interface ScenarioOptions {
  /** Messages of each of the two halves. */
  readonly messages: number;
  /** Calls that the recorder only pretends, as `sync queue/journal$`. */
  readonly skip?: string;
  /** A call after which its process dies, once. */
  readonly die?: string;
  /** Put before mailfarmd. */
  readonly wrap?: readonly string[];
}

export interface Run {
  readonly folders: Folders;
  readonly record: string;
  readonly ledger: Ledger;
  /** Of the next hops: what is deferred asks for them again. */
  readonly ports: readonly number[];
}

/** Runs it; the folders are the caller's to remove. */
export async function runScenario(options: ScenarioOptions): Promise<Run> {
  const folders = makeFolders();
  const record = join(folders.root, 'record');
  mkdirSync(record);
  chmodSync(record, 0o777);
  const env = {
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'recorder.ts')).href}`,
    MAILFARM_RECORD_VAR: folders.var,
    MAILFARM_RECORD_INTO: record,
    MAILFARM_RECORD_SKIP: options.skip,
    MAILFARM_RECORD_DIE: options.die,
  };
  const ledger: Ledger = { sent: [], operations: [], quarantined: new Set(), taken: new Map(), aliases: ALIASES };
  const hop = await startNextHop(ledger);
  const settings = { folders, env, wrap: options.wrap ?? [], ...farmOptions(hop.ports) };
  try {
    const act = new Act(ledger, env, hop);
    await act.firstHalf(settings, options.messages);
    await act.secondHalf(settings, options.messages);
    hop.noteTaken();
    return { folders, record, ledger, ports: hop.ports };
  } finally {
    await hop.close();
  }
}

/** Small segments, so that they end in time, and files in the tree of all kinds. Also for farms started on a state. */
export function farmOptions(ports: NextHop['ports']): Pick<FarmOptions, 'set' | 'etc' | 'listen'> {
  return {
    listen: ['127.0.0.1:0', '127.0.0.1:0'],
    etc: { aliases: 'list: member@far.example, carl\n' },
    set: [
      `routes=[${['far', 'slow', 'down'].map((name, n) => `{match: ${name}.example, via: "smtp:[127.0.0.1]:${ports[n]}"}`).join(', ')}]`,
      'domains.local=[localhost]',
      'filters.hold={kind: structure, forbiddenNames: ["*.com"], action: quarantine}',
      'filters.structure.forbiddenNames=["*.exe"]',
      'listen.1.filters=[structure, hold]',
      'retry.times=[1s]',
      `queue.split=${SPLIT}`,
      'queue.inline=8KiB',
      'queue.segment=64KiB',
      'queue.segmentAge=1s',
      'queue.linger=1s',
      'lanes.perBin=1',
      'lanes.depth=2',
      'farms.acceptor.least=2',
      'farms.acceptor.most=2',
      'farms.smtp.jobs=25',
      'farms.maildir.jobs=10',
    ],
  };
}

export interface NextHop {
  /** Of far.example, of slow.example, and of down.example where nobody listens yet. */
  readonly ports: readonly number[];
  /** From now on slow.example answers. */
  readonly wake: () => void;
  /** From now on the `keep` recipients are taken, and down.example is up. */
  readonly open: () => Promise<void>;
  readonly close: () => Promise<void>;
  /** Puts what was taken into the ledger. */
  readonly noteTaken: () => void;
}

/** `later` is refused once, `never` always, `keep` until it is opened; all others are taken. */
export async function startNextHop(
  ledger: Pick<Ledger, 'taken'>,
  ports: readonly number[] = [0, 0, 0],
): Promise<NextHop> {
  const at = (n: number): SinkOptions => ({ ...hop, port: ports[n] ?? 0 });
  let isOpen = false;
  const refused = new Set<string>();
  const times = new Map<string, number[]>();
  let wake: () => void = () => undefined;
  const awake = new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
  const hop: SinkOptions = {
    onRcpt: (to) => {
      if (to.endsWith('slow.example')) return awake;
      if (to.startsWith('never')) return '550 5.1.1 nobody';
      if (to.startsWith('keep')) return isOpen ? undefined : '450 4.2.1 not yet';
      if (!to.startsWith('later') || refused.has(to)) return undefined;
      refused.add(to);
      return '450 4.2.1 later';
    },
    onData: (_to, content) => {
      const id = testId(content) ?? '';
      times.set(id, [...(times.get(id) ?? []), now()]);
      return undefined;
    },
  };
  const far = await startSink(at(0));
  const down = await startSink(at(2));
  await down.close();
  const slow = await startSink(at(1));
  const sinks = [far, slow];
  return {
    ports: [far.port, slow.port, down.port],
    wake,
    async open() {
      isOpen = true;
      sinks.push(await startSink({ ...hop, port: down.port }));
    },
    async close() {
      for (const sink of sinks) await sink.close();
    },
    noteTaken: () => {
      for (const { id = '', to } of sinks.flatMap((sink) => sink.ledger)) {
        const time = times.get(id)?.shift() ?? Infinity;
        for (const address of to) {
          const key = `${id} ${address}`;
          ledger.taken.set(key, Math.min(time, ledger.taken.get(key) ?? Infinity));
        }
      }
    },
  };
}

interface Planned {
  readonly to: readonly string[];
  readonly size?: number;
  readonly from?: string;
  readonly filtered?: boolean;
  readonly attachment?: string;
}

const SMALL = 700;
const LARGE = 20_000;

/** Every way that a message can take, in turn. */
const KINDS: readonly ((n: number) => Planned)[] = [
  (n) => ({ to: [`ok-${n}@far.example`] }),
  (n) => ({ to: [`keep-${n}@far.example`, `ok-${n}@far.example`] }),
  (n) => ({ to: [`ok-${n}@far.example`], size: LARGE }),
  (n) => ({ to: [`ok-${n}@far.example`, 'dora@localhost'], filtered: true }),
  () => ({ to: ['list@localhost'] }),
  (n) => ({ to: [`later-${n}@far.example`] }),
  (n) => ({ to: [`ok-${n}@far.example`, `later-${n}@far.example`, `never-${n}@far.example`, 'bert@localhost'] }),
  (n) => ({ to: ['bert@localhost'], size: n % 2 === 0 ? SMALL : LARGE }),
  (n) => ({ to: [`ok-${n}@far.example`], filtered: true, attachment: 'run.com' }),
  (n) => ({ to: [`never-${n}@far.example`], from: n % 2 === 0 ? '' : 'anna@localhost' }),
  (n) => ({ to: [`ok-${n}@far.example`], filtered: true, attachment: 'run.exe' }),
  (n) => ({ to: [`keep-${n}@far.example`, `never-${n}@far.example`], size: LARGE }),
  (n) => ({ to: [`ok-${n}@far.example`], filtered: true, size: LARGE }),
  (n) => ({ to: [`ok-${n}@down.example`] }),
  (n) => ({ to: [`ok-${n}@slow.example`] }),
  (n) => ({ to: [`more-${n}@slow.example`] }),
];

class Act {
  readonly #ledger: Ledger;
  readonly #env: Readonly<Record<string, string | undefined>>;

  readonly #hop: NextHop;

  constructor(ledger: Ledger, env: Readonly<Record<string, string | undefined>>, hop: NextHop) {
    this.#ledger = ledger;
    this.#hop = hop;
    this.#env = env;
  }

  /** Traffic while an acceptor is killed, then the operator; the farm stops with messages that wait. */
  async firstHalf(options: FarmOptions, messages: number): Promise<void> {
    const farm = await startFarm(options);
    try {
      const half = Math.ceil(messages / 2);
      await this.#send(farm, { from: 0, count: half, sessions: 6 });
      const sending = this.#send(farm, { from: half, count: messages - half, sessions: 6 });
      // In the midst of it: with answers under way.
      await waitFor(() => this.#ledger.sent.length >= messages * 0.75);
      signal((await farm.worker('acceptor')).pid, 'SIGKILL');
      await sending;
      await this.#operate(farm);
      // The settler was here: what waited for the slow hop has files of its own.
      await farm.waitForLog((line) => line.event === 'settled');
      this.#hop.wake();
      await farm.stop();
    } finally {
      await farm[Symbol.asyncDispose]();
    }
  }

  /** The injector brings back what waits; all goes out, and the outcome journals of the first half go too. */
  async secondHalf(options: FarmOptions, messages: number): Promise<void> {
    const old = outcomeSegments(options.folders as Folders);
    await this.#hop.open();
    const farm = await startFarm(options);
    try {
      await this.#send(farm, { from: messages, count: messages, sessions: 3 });
      for (const { queueId } of this.#quarantined()) await this.#do(farm, 'release', queueId);
      await farm.drained();
      await waitFor(() => !outcomeSegments(options.folders as Folders).some((name) => old.includes(name)), {
        deadline: 40_000,
        what: () => `old outcome segments to go\n${farm.tail()}`,
      });
      await farm.stop();
    } finally {
      await farm[Symbol.asyncDispose]();
    }
  }

  async #send(farm: Farm, how: { from: number; count: number; sessions: number }): Promise<void> {
    const todo = Array.from({ length: how.count }, (_, i) => how.from + i).toReversed();
    const one = async (): Promise<void> => {
      for (let n = todo.pop(); n !== undefined; n = todo.pop()) await this.#submit(farm, n);
    };
    await Promise.all(Array.from({ length: how.sessions }, one));
  }

  /** A session of its own now and then would hide the group commits: each sends what it gets until it is lost. */
  async #submit(farm: Farm, n: number): Promise<void> {
    const planned = (KINDS[n % KINDS.length] as (n: number) => Planned)(n);
    const { to, from = 'anna@localhost', filtered = false, size = SMALL, attachment } = planned;
    const id = `p-${n}`;
    const content = attachment === undefined ? makeContent(id, { size }) : withAttachment(id, attachment);
    const sent: Sent = { id, from, to, content: content.slice(content.indexOf('X-Test-Id')), mayDrop: from === '' };
    this.#ledger.sent.push(sent);
    const session = await SmtpSession.open(farm.ports[filtered ? 1 : 0] ?? 0).catch(() => undefined);
    try {
      const answer = await session?.send(from, to, content);
      if (answer === undefined) return;
      sent.answered = now();
      if (answer.code >= 300) sent.refused = true;
      else sent.queueId = /queued as (\S+)/.exec(answer.text)?.[1] ?? '';
      if (attachment?.endsWith('.com')) this.#ledger.quarantined.add(id);
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error;
    } finally {
      session?.quit();
    }
  }

  #quarantined(): { queueId: string }[] {
    return this.#ledger.sent.flatMap(({ id, queueId }) =>
      this.#ledger.quarantined.has(id) && queueId !== undefined ? [{ queueId }] : [],
    );
  }

  /** On messages that wait: held and let go again, deleted and brought back, deleted for good. */
  async #operate(farm: Farm): Promise<void> {
    const waiting = this.#ledger.sent.filter(
      (one) => one.queueId !== undefined && one.to.some((to) => to.startsWith('keep')),
    );
    const [a, b, c, d] = waiting.map(({ queueId }) => queueId ?? '');
    if (a === undefined || b === undefined || c === undefined || d === undefined)
      throw new Error('too few messages wait');
    await this.#do(farm, 'hold', a);
    await this.#do(farm, 'hold', b);
    await this.#do(farm, 'delete', c);
    await this.#do(farm, 'delete', d);
    await this.#do(farm, 'release', a);
    await this.#do(farm, 'restore', c);
    await this.#do(farm, 'delete', b);
  }

  async #do(farm: Farm, verb: Verb, queueId: string): Promise<void> {
    const begin = now();
    await waitFor(
      async () => {
        const ran = await farm.queueCli([verb, queueId], { env: this.#env });
        // In the hands of a lane at this moment: again.
        if (ran.status === 75) return false;
        if (ran.status !== 0) throw new Error(`queue ${verb}: ${ran.status} ${ran.stdout}${ran.stderr}`);
        return !ran.stdout.includes('left alone');
      },
      { what: () => `${verb} ${queueId}` },
    );
    this.#ledger.operations.push({ verb, queueId, begin, end: now() });
  }
}

function outcomeSegments(folders: Folders): string[] {
  return readdirSync(join(folders.var, 'queue', 'outcome'));
}

function withAttachment(id: string, name: string): string {
  const part = `--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\nMZ\r\n`;
  return `X-Test-Id: ${id}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${part}--b--\r\n`;
}
