/**
 * Delivers to all domains of one site over one session. The domain of each job is looked up, as DNS was changed perhaps while its mail
 * waited: one that leads elsewhere by now is delivered there, over a session of its own, and its trouble is none of the site's.
 */
import type { MxTarget, Resolution } from '../../../dns/mx-report.ts';
import { siteOf } from '../../../dns/site.ts';
import type { Job } from '../../../ipc/messages.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import type { Deliverer, DeliveryResult } from '../../deliverer.ts';
import { reply, verdictOf } from '../../replies.ts';
import { SessionDeliverer, type Opened, type SessionDelivererOptions } from './deliverer.ts';

export interface SiteDelivererOptions extends Omit<SessionDelivererOptions, 'open'> {
  /** Key of the site, see dns/site.ts. */
  readonly site: string;
  /** Where the next hop of a job leads, as `mx:example.org`. */
  readonly resolve: (next: string) => Promise<Resolution>;
  readonly openTargets: (targets: readonly MxTarget[], signal: AbortSignal) => Promise<Opened>;
}

/** After so many domains in a row that DNS cannot tell of, it is taken for DNS that is sick: the whole bin waits. */
const SICK = 3;

const CLOSING = reply({ code: 451, status: '4.4.2', text: 'this worker ends' });

export class SiteDeliverer implements Deliverer {
  readonly #options: SiteDelivererOptions;
  readonly #own: SessionDeliverer;
  readonly #strays = new Set<SessionDeliverer>();
  /** Where the site was last. */
  #targets: readonly MxTarget[] = [];
  #unresolved = 0;
  #closed = false;

  constructor(options: SiteDelivererOptions) {
    this.#options = options;
    const open: SessionDelivererOptions['open'] = (signal) => options.openTargets(this.#targets, signal);
    this.#own = new SessionDeliverer({ ...options, open });
  }

  get bounded(): boolean {
    return this.#own.bounded || [...this.#strays].some(({ bounded }) => bounded);
  }

  async deliver(job: Job, message: StoredMessage, next?: () => void): Promise<DeliveryResult> {
    const resolution = await this.#options.resolve(job.next ?? '');
    if (this.#closed) return { verdicts: [verdictOf(job.to, CLOSING)] };
    if ('targets' in resolution) {
      this.#unresolved = 0;
      if (siteOf(resolution) !== this.#options.site) return this.#deliverElsewhere(job, message, resolution.targets);
      this.#targets = resolution.targets;
      return this.#own.deliver(job, message, next);
    }
    const { reply: why } = resolution;
    if (why.code >= 500) return { verdicts: [verdictOf(job.to, why)] };
    // The site is known, only its domain cannot be asked at this moment: mail goes where it would have gone.
    if (this.#targets.length > 0) return this.#own.deliver(job, message, next);
    this.#unresolved += 1;
    return { verdicts: [verdictOf(job.to, why)], ...(this.#unresolved >= SICK && { trouble: why }) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#own, ...this.#strays].map((one) => one.close()));
  }

  async #deliverElsewhere(job: Job, message: StoredMessage, targets: readonly MxTarget[]): Promise<DeliveryResult> {
    const { openTargets } = this.#options;
    const stray = new SessionDeliverer({ ...this.#options, open: (signal) => openTargets(targets, signal) });
    this.#strays.add(stray);
    const { verdicts } = await stray.deliver(job, message);
    this.#strays.delete(stray);
    await stray.close();
    return { verdicts, elsewhere: true };
  }
}
