/** Looks whether the books balance, every few seconds, and says so where they do not: mail may be lost or doubled in memory then. */
import type { Books } from '../ipc/insight.ts';
import type { WaitingIndex } from '../queue/waiting-index.ts';
import { imbalanceOf } from './books.ts';
import type { Claims } from './claims.ts';
import type { Conductor } from './conductor.ts';

export interface AuditOptions {
  readonly conductor: Conductor;
  readonly claims: Claims;
  readonly index: Pick<WaitingIndex, 'recipients'>;
  /** `missing`: recipients that came in and are neither done with nor here; negative where there are more than came in. 0: it is well again. */
  readonly onChange: (missing: number, books: Books) => void;
}

export class Audit {
  readonly #options: AuditOptions;
  #told = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** As they are at this moment: what is here is counted anew. */
  books(): Books {
    const { conductor, claims, index } = this.#options;
    return conductor.books.tell(conductor.ledger.recipients + index.recipients + claims.recipients);
  }

  look(): void {
    const books = this.books();
    const missing = imbalanceOf(books);
    if (missing === this.#told) return;
    this.#told = missing;
    this.#options.onChange(missing, books);
  }
}
