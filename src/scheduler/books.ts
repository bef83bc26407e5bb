/**
 * The scheduler's books, in recipients: what came in, what became of it, and what is still here. Two counts that know nothing of each
 * other: the one adds up frames and reports as they come, the other looks at what is here. The law, at any moment:
 *
 *     entered + made = delivered + bounced + dropped + expanded + held + vanished + commands + queued
 *
 * They begin with the scheduler: what the injector finds enters once more.
 */
import type { Books as BooksFrame } from '../ipc/insight.ts';
import type { OutcomeState } from '../mail/outcome.ts';

/** States in which the scheduler is done with a recipient. */
const ENDS = ['delivered', 'bounced', 'dropped', 'expanded', 'held'] as const;
export type End = (typeof ENDS)[number];

/** All but what is still here, which is looked for. */
type Figures = Omit<BooksFrame, 'since' | 'queued'>;

export class Books {
  readonly since = Date.now();
  readonly #figures: { -readonly [K in keyof Figures]: number } = {
    entered: 0,
    made: 0,
    delivered: 0,
    bounced: 0,
    dropped: 0,
    expanded: 0,
    held: 0,
    vanished: 0,
    commands: 0,
  };

  /** A message was taken: with so many recipients, of which `made` stand in the place of `expanded` aliases that end with that. */
  took(
    recipients: number,
    { expanded = 0, made = 0 }: { readonly expanded?: number | undefined; readonly made?: number | undefined },
  ): void {
    // Of a frame that comes once more, what was finished before is left out.
    const came = Math.min(made, recipients + expanded);
    this.#figures.entered += recipients - came + expanded;
    this.#figures.made += came;
    this.#figures.expanded += expanded;
  }

  ended(how: End | 'vanished' | 'commands', recipients: number): void {
    this.#figures[how] += recipients;
  }

  /** The figures, with what is still here as it was counted. */
  tell(queued: number): BooksFrame {
    return { since: this.since, ...this.#figures, queued };
  }
}

/** Recipients that came in and are neither done with nor here; negative where more are than came in. 0: the law holds. */
export function imbalanceOf(books: BooksFrame): number {
  const { entered, made, delivered, bounced, dropped, expanded, held, vanished, commands, queued } = books;
  return entered + made - delivered - bounced - dropped - expanded - held - vanished - commands - queued;
}

export function isEnd(state: OutcomeState): state is End {
  return ENDS.some((end) => end === state);
}
