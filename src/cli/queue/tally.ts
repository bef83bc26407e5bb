/** What a working verb says: the end of each message as it comes, how far it is, and the sum. */
import { EX } from '../../base/sysexits.ts';
import type { Context } from '../common/context.ts';
import type { Progress } from './progress.ts';
import { PAST, type WorkingVerb } from './work.ts';

/** What became of one message. */
export interface Told {
  readonly id: string;
  /** Absent: it was done. */
  readonly why?: string;
  /** Trying again may help. */
  readonly again?: boolean;
}

export interface TallyOptions {
  readonly context: Context;
  readonly verb: WorkingVerb;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly progress: Progress;
  /** Messages that were counted before, 0 where nobody looks at the progress. */
  readonly chosen: number;
  /** Ids were named. */
  readonly named: boolean;
  /** Under which `restore` finds what `delete` takes. */
  readonly operation?: string | undefined;
}

/** With more messages than this, a terminal that shows the progress shows no line for each that was done. */
const LINES = 100;

export class Tally {
  readonly #options: TallyOptions;
  readonly #lines: 'all' | 'trouble' | 'none';
  #done = 0;
  #left = 0;
  #again = 0;

  constructor(options: TallyOptions) {
    this.#options = options;
    const many = options.progress.on && options.context.out.isTerminal && options.chosen > LINES;
    this.#lines = options.quiet ? 'none' : many ? 'trouble' : 'all';
  }

  async tell(told: Told): Promise<void> {
    const { progress, chosen } = this.#options;
    if (told.why === undefined) this.#done += 1;
    else this.#left += 1;
    if (told.again) this.#again += 1;
    await this.#line(told);
    await progress.update(this.#done + this.#left, chosen);
  }

  /** What was done so far, if anything was begun, and how to undo it. */
  async sum(): Promise<void> {
    if (this.#done + this.#left > 0) await this.#sum();
  }

  /** The sum, and the exit status. `interrupted`: the status of a command that a signal ended. */
  async finish(interrupted: number | undefined): Promise<number> {
    const { context, verb, named } = this.#options;
    const none = this.#done + this.#left === 0 && named;
    if (none && interrupted === undefined) await this.#options.progress.clear();
    else await this.#sum();
    if (interrupted !== undefined) {
      await context.err.line('queue: interrupted; all others are as they were');
      return interrupted;
    }
    if (this.#again > 0) return EX.TEMPFAIL;
    if (!none) return EX.OK;
    await context.err.line(`queue: no such message in the ${verb === 'restore' ? 'deleted queue' : 'queue'}`);
    return EX.NOINPUT;
  }

  async #sum(): Promise<void> {
    const { context, verb, json, progress, operation } = this.#options;
    await progress.clear();
    if (json) return;
    const left = this.#left > 0 ? `, ${this.#left} left alone` : '';
    await context.out.line(`${plural(this.#done)} ${PAST[verb]}${left}`);
    if (operation !== undefined && this.#done > 0)
      await context.out.line(`to undo it: queue restore --operation ${operation}`);
  }

  async #line({ id, why }: Told): Promise<void> {
    const { context, verb, json, progress, operation } = this.#options;
    if (json) {
      const did = operation !== undefined && why === undefined ? { operation } : {};
      await context.out.json({ id, verb, done: why === undefined, ...did, ...(why !== undefined && { why }) });
    } else if (this.#lines === 'all' || (this.#lines === 'trouble' && why !== undefined)) {
      if (context.out.isTerminal) await progress.clear();
      await context.out.line(`${id}  ${why === undefined ? PAST[verb] : `left alone: ${why}`}`);
    }
  }
}

export function plural(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
}
