/**
 * Looks after the jobs of a lane that ended: what the worker recorded before it died counts, the rest is done again. Whoever holds
 * the other end of a closed lane acts on its jobs no more: it died, or it dropped them before it closed.
 *
 * A part over which worker after worker died is held, so that one message cannot stop a farm. Three deaths are enough where
 * nothing else can have caused them; a worker that died for another reason takes all its lanes with it.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { Hello } from '../ipc/messages.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { Conductor } from './conductor.ts';
import type { InFlight } from './lane.ts';
import { BLAME, isGuilty } from './suspects.ts';
import type { WorkPart } from './work.ts';

export interface LostLanesOptions {
  readonly conductor: () => Conductor;
  /** Outcomes of these messages in the journals of the workers with this name or instance name, by queue id. */
  readonly recordedBy: (worker: string, ids: ReadonlySet<string>) => Promise<ReadonlyMap<string, readonly Outcome[]>>;
  /** Holds the message of a suspect, durably. */
  readonly hold: (part: WorkPart, why: string) => Promise<void>;
  /** Makes durable, with the message, what only the report of a dead worker says. */
  readonly keep: (part: WorkPart, outcomes: readonly Outcome[]) => Promise<void>;
  readonly onEvent: (event: string, fields: Record<string, unknown>) => void;
  /** When the disk did not let us, milliseconds until the next try. */
  readonly retryMs?: number;
}

const RETRY_MS = 10_000;

interface LostLane {
  readonly name: string;
  /** Its worker had said that it ends. */
  readonly leaving: boolean;
}

/** Clocks of one machine agree; this covers the time between giving a job and noting that. */
const SLACK_MS = 1000;

export class LostLanes {
  readonly #options: LostLanesOptions;
  /** At work when another lane of their worker was lost. */
  readonly #inCompany = new WeakSet<object>();

  constructor(options: LostLanesOptions) {
    this.#options = options;
  }

  async recover(lane: LostLane, lost: { inFlight: readonly InFlight[]; hello?: Hello; why: string }): Promise<void> {
    const { inFlight, hello, why } = lost;
    const [suspect] = inFlight;
    if (!suspect) return;
    const { onEvent, recordedBy } = this.#options;
    onEvent('lane-lost', { lane: lane.name, why, jobs: inFlight.length, ...(hello ? { by: hello.worker } : {}) });
    const alone = hello ? this.#wasAlone(lane, hello.pid) : false;
    // One that was ending gave back what it had not begun: if it was killed over the rest, it took too long.
    if (!lane.leaving) suspect.part.blame += alone ? BLAME.alone : BLAME.inCompany;
    const ids = new Set(inFlight.map(({ part }) => part.message.id));
    const recorded = hello
      ? await this.#persist('recorded', () => recordedBy(hello.worker, ids))
      : new Map<string, readonly Outcome[]>();
    for (const flight of inFlight) await this.#resolve(flight, recorded);
  }

  /** Nothing else was at work in its worker. Lanes of one death are lost one after another: the first sees the others. */
  #wasAlone(lane: LostLane, pid: number): boolean {
    let alone = !this.#inCompany.has(lane);
    for (const other of this.#options.conductor().dispatcher.lanes) {
      if (other.pid !== pid || other.inFlight === 0) continue;
      alone = false;
      this.#inCompany.add(other);
    }
    return alone;
  }

  async #resolve(flight: InFlight, recorded: ReadonlyMap<string, readonly Outcome[]>): Promise<void> {
    const { part } = flight;
    // Where the clock was set back meanwhile, the job was given at an earlier time than it was then.
    const given = Math.min(flight.given, Date.now() - (performance.now() - flight.since));
    const mine = new Set(part.to);
    const found = (recorded.get(part.message.id) ?? []).filter(
      (outcome) =>
        outcome.at >= given - SLACK_MS &&
        isOfKind(part, outcome) &&
        outcome.recipients.some((address) => mine.has(address)),
    );
    const conductor = this.#options.conductor();
    conductor.ledger.doubt(part.message.facts.handle);
    if (found.length > 0 && part.hop.channel !== 'bounce') return conductor.report(part, { outcomes: found });
    if (found.length > 0) {
      // The report may be delivered and gone before this message is.
      await this.#persist('keep', () => this.#options.keep(part, found));
      return conductor.report(part, { outcomes: found, moved: true });
    }
    if (!isGuilty(part)) return conductor.redo(flight);
    // The lane's other parts do not wait for that.
    void this.#hold(part, 'worker after worker ended while it delivered this');
  }

  async #hold(part: WorkPart, why: string): Promise<void> {
    await this.#persist('hold', () => this.#options.hold(part, why));
    this.#options.onEvent('held', { id: part.message.id, to: part.to, why });
    const outcome: Outcome = { state: 'held', recipients: part.to, at: Date.now(), why };
    this.#options.conductor().report(part, { outcomes: [outcome], moved: true });
  }

  /** What a full or a broken disk does not let us do is tried until it can be: so long nobody else gets the work. */
  async #persist<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.#options.onEvent('lost-lane-waits', { what, why: errorText(error) });
        await pause(this.#options.retryMs ?? RETRY_MS, { unref: true });
      }
    }
  }
}

/** A warning and the report of a failure may follow each other within a moment, by one worker: neither stands for the other. */
function isOfKind(part: WorkPart, { state }: Outcome): boolean {
  return (part.kind === 'delayed') === (state === 'warned');
}
