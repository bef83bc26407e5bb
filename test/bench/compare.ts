/**
 * The comparison: the same works for every peer that is here, one after another within each round (A B A B A B), because
 * the machine changes under a benchmark: ext4 creates files more slowly for a minute after many were deleted, for one.
 * For the same reason nothing is deleted before the end.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from './clock.ts';
import { generate } from './generate.ts';
import { makeFolders, removeFolders } from './folders.ts';
import type { Peer, RunningPeer } from './peers/peer.ts';
import type { Scenario } from './scenarios.ts';
import { startSink, type Sink } from './sink-process.ts';
import { hasSmtpSource, sendBySmtpSource } from './smtp-source.ts';
import { measureFanOut } from './works/fan-out.ts';
import { measureIdle } from './works/idle.ts';
import { measureRelay } from './works/relay.ts';
import { measureRestart } from './works/restart.ts';
import type { Outcome } from './works/work.ts';
import { warmUp } from './warm-up.ts';

export interface ComparePlan {
  readonly peers: readonly Peer[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  /** For one run. */
  readonly runSeconds: number;
  /** After so long no further round begins. */
  readonly budgetSeconds: number;
  /** For which each peer has mail before the first round. */
  readonly warmUpSeconds: number;
  readonly folder?: string;
}

export interface Row {
  readonly scenario: Scenario;
  /** By name of the peer, one for each round. */
  readonly outcomes: ReadonlyMap<string, Outcome[]>;
}

export interface Comparison {
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly generator: 'smtp-source' | 'our own';
  /** Where the files of the peers were. */
  readonly folder: string;
}

export async function compare(plan: ComparePlan, say: (line: string) => void): Promise<Comparison> {
  const folders = makeFolders(plan.folder);
  try {
    using sink = await startSink();
    return await new Comparing(plan, sink, folders.root, say).run();
  } finally {
    removeFolders(folders);
  }
}

class Comparing {
  readonly #plan: ComparePlan;
  readonly #sink: Sink;
  readonly #root: string;
  readonly #say: (line: string) => void;
  readonly #rows: readonly Row[];
  readonly #send = hasSmtpSource() ? sendBySmtpSource : generate;
  readonly #started = monotonicMs();

  constructor(plan: ComparePlan, sink: Sink, root: string, say: (line: string) => void) {
    this.#plan = plan;
    this.#sink = sink;
    this.#root = root;
    this.#say = say;
    this.#rows = plan.scenarios.map((scenario) => ({
      scenario,
      outcomes: new Map(plan.peers.map(({ name }): [string, Outcome[]] => [name, []])),
    }));
  }

  async run(): Promise<Comparison> {
    await this.#rounds(['idle'], (row, peer) => this.#alone(row, peer));
    const rounds = await this.#together();
    await this.#rounds(['restart'], (row, peer, round) => this.#restart(row, peer, round));
    const generator = hasSmtpSource() ? 'smtp-source' : 'our own';
    return { rows: this.#rows, rounds, generator, folder: this.#root };
  }

  /** Works that find their peer running; all peers are started once, and idle while it is not their turn. */
  async #together(): Promise<number> {
    const works = ['relay', 'fan-out'] as const;
    if (!this.#rows.some(({ scenario }) => scenario.work === 'relay' || scenario.work === 'fan-out'))
      return this.#plan.rounds;
    const running = new Map<string, RunningPeer>();
    const unfit = new Map<string, unknown>();
    try {
      for (const peer of this.#plan.peers) {
        this.#say(`${peer.name}: start and warm-up`);
        running.set(peer.name, await peer.start(this.#place(peer, peer.name)));
        await this.#warmUp(running.get(peer.name)).catch((error: unknown) => unfit.set(peer.name, error));
      }
      return await this.#rounds(works, ({ scenario }, { name }) => {
        if (unfit.has(name)) return Promise.resolve(asProblem(unfit.get(name)));
        const stage = this.#stage(scenario, running.get(name));
        return scenario.work === 'fan-out' ? measureFanOut(stage) : measureRelay(stage);
      });
    } finally {
      for (const peer of running.values()) await peer.stop();
    }
  }

  /** Rounds over the rows with such a work; how many there were. */
  async #rounds(
    works: readonly Scenario['work'][],
    measure: (row: Row, peer: Peer, round: number) => Promise<Outcome>,
  ): Promise<number> {
    const rows = this.#rows.filter(({ scenario }) => works.includes(scenario.work));
    for (let round = 1; round <= this.#plan.rounds; round += 1) {
      if (monotonicMs() - this.#started > this.#plan.budgetSeconds * 1000) return round - 1;
      for (const row of rows) {
        for (const peer of this.#plan.peers) {
          this.#say(`round ${round} of ${this.#plan.rounds}: ${row.scenario.title}: ${peer.name}`);
          const outcome = await measure(row, peer, round).catch(asProblem);
          for (const problem of outcome.problems) this.#say(`${peer.name}: ${problem}`);
          row.outcomes.get(peer.name)?.push(outcome);
        }
      }
    }
    return this.#plan.rounds;
  }

  async #alone(_row: Row, peer: Peer): Promise<Outcome> {
    const running = await peer.start(this.#place(peer, peer.name));
    try {
      return await measureIdle(running);
    } finally {
      await running.stop();
    }
  }

  #restart({ scenario }: Row, peer: Peer, round: number): Promise<Outcome> {
    const { folder } = this.#place(peer, `${peer.name}-restart-${round}`);
    const deadlineMs = this.#plan.runSeconds * 1000;
    const { messages } = scenario;
    return measureRestart({ peer, sink: this.#sink, scenario, messages, folder, deadlineMs, send: this.#send });
  }

  async #warmUp(peer: RunningPeer | undefined): Promise<void> {
    if (peer === undefined) return;
    const deadlineMs = this.#plan.runSeconds * 1000;
    await warmUp(this.#plan.warmUpSeconds, { peer, sink: this.#sink, deadlineMs, send: this.#send });
  }

  #stage(scenario: Scenario, peer: RunningPeer | undefined) {
    if (peer === undefined) throw new Error('the peer does not run');
    const deadlineMs = this.#plan.runSeconds * 1000;
    return { peer, sink: this.#sink, scenario, messages: scenario.messages, deadlineMs, send: this.#send };
  }

  #place(_peer: Peer, name: string): { folder: string; nextHop: number } {
    const folder = join(this.#root, name);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    return { folder, nextHop: this.#sink.port };
  }
}

function asProblem(error: unknown): Outcome {
  return { figures: {}, problems: [error instanceof Error ? error.message : String(error)] };
}
