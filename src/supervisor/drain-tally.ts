/** What a drain did, in recipients: also where the scheduler, which counts from its start, was replaced meanwhile. */
import type { Work } from '../ipc/insight.ts';

type Counted = Pick<Work, 'since' | 'delivered' | 'bounced'>;

export class DrainTally {
  /** The last answer of each scheduler that is gone, added up. */
  #before = { delivered: 0, bounced: 0 };
  #last: Counted | undefined;

  get sum(): { readonly delivered: number; readonly bounced: number } {
    const { delivered = 0, bounced = 0 } = this.#last ?? {};
    return { delivered: this.#before.delivered + delivered, bounced: this.#before.bounced + bounced };
  }

  note(work: Counted): void {
    if (this.#last && this.#last.since !== work.since) this.#before = this.sum;
    this.#last = work;
  }
}
