/**
 * Delivers into Maildirs (https://cr.yp.to/proto/maildir.html). A full or unwritable disk is an outcome like any other: the
 * mail waits. Missing Maildirs are made: which users exist was decided by the router.
 */
import type { Job } from '../../../ipc/messages.ts';
import type { Reply } from '../../../mail/outcome.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import type { Deliverer, DeliveryResult, RecipientVerdict } from '../../deliverer.ts';
import { mergeVerdicts, reply, verdictOf } from '../../replies.ts';
import { owingSuccess } from '../../success.ts';
import { ensureMaildir, type DirectorySyncs } from './directories.ts';
import { fileName, parseMailbox } from './names.ts';
import { forgetPlacement, placeMessage } from './place.ts';
import { judgeDisk } from './trouble.ts';

export interface MaildirOptions {
  readonly root: string;
  readonly hostname: string;
  /** Shared by the lanes of a worker. */
  readonly syncs: DirectorySyncs;
}

export class MaildirDeliverer implements Deliverer {
  /** A disk may hang, and has no limit. */
  readonly bounded = false;
  readonly #options: MaildirOptions;

  constructor(options: MaildirOptions) {
    this.#options = options;
  }

  async deliver(job: Job, message: StoredMessage): Promise<DeliveryResult> {
    const next = job.next ?? '';
    const mailbox = parseMailbox(next);
    if (mailbox === undefined) {
      return {
        verdicts: [verdictOf(job.to, reply({ code: 550, status: '5.1.3', text: 'no mailbox can have this name' }))],
      };
    }
    const { root, hostname, syncs } = this.#options;
    const placed: { readonly maildir: string; readonly name: string }[] = [];
    const verdicts: RecipientVerdict[] = [];
    let trouble: Reply | undefined;
    for (const recipient of job.to) {
      try {
        const maildir = await ensureMaildir(root, mailbox, syncs);
        const name = fileName(message, recipient, hostname);
        await placeMessage({ maildir, name, message, recipient, syncs });
        placed.push({ maildir, name });
        verdicts.push(verdictOf([recipient], reply({ code: 250, status: '2.0.0', text: `delivered to ${next}` })));
      } catch (error) {
        const { answer, concernsAll } = await judgeDisk(error, root, message.size);
        if (concernsAll) trouble = answer;
        verdicts.push(verdictOf([recipient], answer));
      }
    }
    const told = owingSuccess(verdicts, message.envelope, 'delivered');
    return { verdicts: mergeVerdicts(told), trouble, whenDurable: () => forgetAll(placed) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function forgetAll(placed: readonly { readonly maildir: string; readonly name: string }[]): Promise<void> {
  await Promise.all(placed.map(({ maildir, name }) => forgetPlacement(maildir, name)));
}
