/**
 * What one tenant's backlog costs another: `small` sends a message every second to a slow next hop, first alone, then while
 * `big` puts 50,000 messages into the queue for the same hop, then while these drain. Measured from its 250 to the delivery.
 */
import { startFarm, type Farm } from '../support/farm.ts';
import { SmtpSession } from '../support/smtp-session.ts';
import { monotonicMs, pause } from './clock.ts';
import { makeFolders, removeFolders } from './folders.ts';
import { generate } from './generate.ts';
import { SlowSink } from './slow-sink.ts';
import { renderTable } from './table.ts';

export interface FairnessPlan {
  /** Messages of `big`. */
  readonly messages: number;
  readonly sessions: number;
  /** Messages of `small` in each phase: one in a second. */
  readonly probes: number;
  /** That the next hop takes over each message. */
  readonly delayMs: number;
  readonly folder?: string;
}

export interface Phase {
  readonly name: string;
  /** From the 250 to the delivery, in ms. */
  readonly latencies: readonly number[];
  /** Of `small`, refused or not delivered in time. */
  readonly problems: readonly string[];
  /** Messages of `big` that were delivered meanwhile. */
  readonly others: number;
}

const DELIVERED_MS = 120_000;
const LOAD_MS = 300_000;
/** Recipients of `small` are numbered from here, those of `big` below. */
const FIRST_PROBE = 500_000_000;

export async function runFairness(plan: FairnessPlan, say: (line: string) => void): Promise<readonly Phase[]> {
  const folders = makeFolders(plan.folder);
  try {
    using sink = await SlowSink.start(plan.delayMs);
    await using farm = await startFarm({ folders, set: settings(sink.port) });
    return await measure(farm, sink, plan, say);
  } finally {
    removeFolders(folders);
  }
}

async function measure(
  farm: Farm,
  sink: SlowSink,
  plan: FairnessPlan,
  say: (line: string) => void,
): Promise<readonly Phase[]> {
  const { messages, sessions, probes } = plan;
  const small = new Prober(farm.port, sink);
  await small.probe('warm-up', Math.min(5, probes));
  say(`${probes} s with an empty queue`);
  const alone = await small.probe('empty queue', probes);
  say(`${messages} messages of another tenant come in`);
  const load = generate({
    port: farm.port,
    sessions,
    messages,
    size: 1024,
    domain: 'big.example',
    deadlineMs: LOAD_MS,
  });
  const coming = await small.probe('while they come in', 1, load);
  say(`${probes} s while they wait`);
  const waiting = await small.probe('while they wait', probes);
  const { accepted, failures } = await load;
  const short = accepted === messages ? [] : [`only ${accepted} of ${messages} were accepted: ${failures.join('; ')}`];
  return [alone, coming, { ...waiting, problems: [...waiting.problems, ...short] }];
}

/** When a message was accepted; or why not. */
type Sent = { readonly number: number; readonly acceptedAt: number } | string;

/** Sends a message every second, over one session. */
class Prober {
  readonly #port: number;
  readonly #sink: SlowSink;
  #last = FIRST_PROBE;

  constructor(port: number, sink: SlowSink) {
    this.#port = port;
    this.#sink = sink;
  }

  /** So many messages at least, and as long as `meanwhile` goes on. */
  async probe(name: string, count: number, meanwhile?: Promise<unknown>): Promise<Phase> {
    let goesOn = meanwhile !== undefined;
    const over = meanwhile?.finally(() => (goesOn = false));
    const before = this.#sink.messages;
    const session = await SmtpSession.open(this.#port);
    const results: Sent[] = [];
    while (results.length < count || goesOn) {
      const next = monotonicMs() + 1000;
      results.push(await this.#send(session));
      await pause(Math.max(0, next - monotonicMs()));
    }
    await over;
    const others = this.#sink.messages - before - results.length;
    const told = await Promise.all(results.map((sent) => this.#arrival(sent)));
    session.quit();
    const latencies = told.filter((one) => typeof one === 'number');
    return { name, latencies, problems: told.filter((one) => typeof one === 'string'), others: Math.max(0, others) };
  }

  async #send(session: SmtpSession): Promise<Sent> {
    this.#last += 1;
    const number = this.#last;
    const answer = await session.send('me@small.example', [`${number}@rest.example`], 'Subject: one\r\n\r\nhello\r\n');
    const acceptedAt = monotonicMs();
    return answer.code === 250 ? { number, acceptedAt } : `refused: ${answer.code} ${answer.text}`;
  }

  async #arrival(sent: Sent): Promise<number | string> {
    if (typeof sent === 'string') return sent;
    const { number, acceptedAt } = sent;
    while (monotonicMs() - acceptedAt < DELIVERED_MS) {
      const arrivedAt = this.#sink.arrivedAt(number);
      if (arrivedAt !== undefined) return Math.max(0, arrivedAt - acceptedAt);
      await pause(50);
    }
    return `not delivered within ${DELIVERED_MS} ms`;
  }
}

export function renderFairness({ messages, delayMs }: FairnessPlan, phases: readonly Phase[]): string {
  const rows = phases.map(({ name, latencies, others }) => [
    name,
    String(latencies.length),
    percentile(latencies, 50).toFixed(0),
    percentile(latencies, 99).toFixed(0),
    others.toFixed(0),
  ]);
  const [alone, , waiting] = phases;
  const ratio = percentile(waiting?.latencies ?? [], 99) / percentile(alone?.latencies ?? [], 99);
  const head = ['one tenant sends a message a second', 'messages', 'p50 ms', 'p99 ms', 'delivered of the others'];
  return [
    `Tenant big queues ${messages} messages for a next hop that takes ${delayMs} ms over each; tenant small sends one a second.`,
    renderTable(head, rows),
    `With the queue of the other its p99 is ${ratio.toFixed(2)} times that with an empty queue.`,
    ...phases.flatMap(({ problems }) => problems).map((text) => `**Failed**: ${text}`),
  ].join('\n\n');
}

/** The least value that so many percent do not exceed. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

function settings(port: number): string[] {
  return [
    'listen.0.role=submission',
    'listen.0.filters=[]',
    `routes=[{match: "*", via: "smtp:[127.0.0.1]:${port}"}]`,
    'tenants.big.senders=[bench.example]',
    'tenants.small.senders=[small.example]',
  ];
}
