/**
 * Messages under load while random workers are killed all the time, and on the way once the scheduler, once the supervisor
 * alone, and once everything at once; the farm is started again on the same queue and the same port.
 *
 * No message that was answered with 250 may be lost, none may arrive that was not sent, and a message may come twice only
 * when a transport worker was killed between the next hop's taking it and the outcome's being durable. The next hop keeps
 * the time of each delivery: the first copy of a double must have come just before a kill of a process that delivers.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../support/farm.ts';
import { signal } from '../support/processes.ts';
import { emptyLedger, sendMail, type SenderLedger } from '../support/send-mail.ts';
import { startSink, type Sink } from '../support/sink.ts';
import { findFreePorts } from '../stories/support/free-ports.ts';
import { removeTemp } from '../support/temp.ts';
import { waitFor } from '../support/wait.ts';
import { makeRandom, type Random } from './random.ts';

const MESSAGES = Number(process.env['MAILFARM_STRESS_MESSAGES'] ?? 5000);
const SESSIONS = 8;
const VICTIMS = ['acceptor', 'router', 'smtp', 'filter', 'log', 'injector'];
/** From the next hop's answer to the outcome on disk, with a loaded machine between them. */
const UNDER_WAY_MS = 5000;

interface Kill {
  readonly who: string;
  readonly at: number;
  /** Deliveries may have been under way in it. */
  readonly delivers: boolean;
}

class Ordeal {
  readonly kills: Kill[] = [];
  readonly #options: FarmOptions;
  #farm: Farm;

  constructor(farm: Farm, options: FarmOptions) {
    this.#farm = farm;
    this.#options = options;
  }

  get farm(): Farm {
    return this.#farm;
  }

  note(who: string, delivers: boolean): void {
    this.kills.push({ who, at: Date.now(), delivers });
  }

  /** One worker; goes on when another took its place. */
  async killWorker(name: string | undefined, random: Random): Promise<void> {
    const workers = this.#farm
      .workers()
      .filter((worker) => (name === undefined ? VICTIMS.includes(worker.farm) : worker.farm === name));
    const victim = random.pick(workers);
    if (victim === undefined) return;
    signal(victim.pid, 'SIGKILL');
    this.note(victim.farm, victim.farm === 'smtp');
    // It comes again when there is need, and may be done before we see it.
    if (victim.farm === 'injector') return;
    await waitFor(() => this.#farm.workers(victim.farm).some((worker) => worker.pid !== victim.pid), {
      deadline: 60_000,
      what: () => `a new ${victim.farm}\n${this.#farm.tail()}`,
    });
  }

  async killSupervisor(): Promise<void> {
    this.note('supervisor', false);
    await this.#farm.kill();
    await this.#restart();
  }

  async killAll(): Promise<void> {
    this.note('everything', true);
    await this.#farm.killAll();
    await this.#restart();
  }

  async #restart(): Promise<void> {
    // It waits by itself for the workers of the one before.
    this.#farm = await startFarm(this.#options);
  }
}

/** One blow after another until all is sent; each special one when its share of the messages was accepted. */
async function torment(ordeal: Ordeal, ledger: SenderLedger, random: Random, sent: () => boolean): Promise<void> {
  const blows = [
    { share: 0.25, strike: () => ordeal.killWorker('scheduler', random) },
    { share: 0.45, strike: () => ordeal.killSupervisor() },
    { share: 0.7, strike: () => ordeal.killAll() },
  ];
  while (!sent() || blows.length > 0) {
    const [next] = blows;
    if (next !== undefined && (ledger.accepted.length >= next.share * MESSAGES || sent())) {
      blows.shift();
      await next.strike();
    } else {
      await ordeal.killWorker(undefined, random);
      await new Promise((resolve) => setTimeout(resolve, 200 * random.next()));
    }
  }
}

/** Ids of doubles whose first copy came just before a kill of something that delivers, and the others. */
function judgeDoubles(sink: Sink, kills: readonly Kill[]): { readonly excused: string[]; readonly guilty: string[] } {
  const times = new Map<string, number[]>();
  for (const { id = '', at } of sink.ledger) times.set(id, [...(times.get(id) ?? []), at]);
  const excused: string[] = [];
  const guilty: string[] = [];
  for (const [id, all] of times) {
    const copies = all.toSorted((a, b) => a - b);
    const doubles = copies.slice(0, -1);
    if (doubles.length === 0) continue;
    const underWay = (at: number): boolean =>
      kills.some((kill) => kill.delivers && kill.at >= at - 100 && kill.at - at < UNDER_WAY_MS);
    (doubles.every(underWay) ? excused : guilty).push(id);
  }
  return { excused, guilty };
}

describe(`${MESSAGES} messages under continual SIGKILL`, () => {
  it('are all delivered, and twice only where the answer was under way', async () => {
    const random = makeRandom();
    console.log(`MAILFARM_SEED=${random.seed} MAILFARM_STRESS_MESSAGES=${MESSAGES}`);
    const folders = makeFolders();
    const [port = 0] = await findFreePorts(1);
    await using sink = await startSink();
    const options: FarmOptions = {
      folders,
      listen: [`127.0.0.1:${port}`],
      deadline: 90_000,
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'listen.0.filters=[structure]',
        'retry.times=[1s]',
        'queue.segment=1MiB',
        'queue.linger=2s',
        ...['acceptor', 'router', 'smtp', 'filter'].map((name) => `farms.${name}.least=2`),
      ],
    };
    const ordeal = new Ordeal(await startFarm(options), options);
    try {
      const ledger = emptyLedger();
      let sent = false;
      const sending = sendMail({
        port,
        to: ['bob@far.example'],
        count: MESSAGES,
        sessions: SESSIONS,
        ledger,
        deadline: 900_000,
      }).finally(() => (sent = true));
      await Promise.all([sending, torment(ordeal, ledger, random, () => sent)]);
      await ordeal.farm.drained(300_000);
      const counts = sink.counts();
      const known = new Set([...ledger.accepted, ...ledger.unsure]);
      const lost = ledger.accepted.filter((id) => !counts.has(id));
      const phantoms = [...counts.keys()].filter((id) => !known.has(id));
      const { excused, guilty } = judgeDoubles(sink, ordeal.kills);
      console.log(
        `accepted ${ledger.accepted.length}, unsure ${ledger.unsure.length}, kills ${ordeal.kills.length} ` +
          `(${ordeal.kills.filter(({ delivers }) => delivers).length} of deliverers), lost ${lost.length}, ` +
          `phantoms ${phantoms.length}, twice ${excused.length}, twice without need ${guilty.length}`,
      );
      assert.deepEqual(lost, [], 'lost');
      assert.deepEqual(phantoms, [], 'phantoms');
      assert.deepEqual(guilty, [], 'twice without need');
      assert.equal(ledger.accepted.length + ledger.unsure.length, MESSAGES);
    } finally {
      await ordeal.farm[Symbol.asyncDispose]();
      removeTemp(folders.root);
    }
  });
});
