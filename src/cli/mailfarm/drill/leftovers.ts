/** What of a drill's own mail is in the queue, and the end of it. Mail of others is looked at, and never touched. */
import { Writable } from 'node:stream';
import type { Config } from '../../../config/config.ts';
import { drillAddress } from '../../../mail/drill-address.ts';
import type { QueuedMessage } from '../../../queue/queued-message.ts';
import { Output, type Context } from '../../common/context.ts';
import { operate } from '../../queue/operate.ts';
import type { Selector } from '../../queue/selectors.ts';
import { findMessages } from '../../queue/source.ts';

/** Queue ids of the messages of this run. Reads the files: beside a running farm it sees each message at least once. */
export async function findDrillMail(config: Config, run: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { id } of findMessages({ split: config.queue.split }, selectRun(run))) ids.add(id);
  return ids;
}

/** Moves what is left of this run to the deleted queue, as no operation that an operator might mean. Resolves with what that could not be done with. */
export async function deleteDrillMail(context: Context, config: Config, run: string): Promise<Set<string>> {
  const quiet = new Output(new Writable({ write: (_chunk, _encoding, done) => done() }));
  await operate({
    context: { ...context, out: quiet, err: quiet },
    config,
    live: true,
    verb: 'delete',
    selector: selectRun(run),
    limit: Infinity,
    dryRun: false,
    json: false,
    unmarked: true,
  });
  return findDrillMail(config, run);
}

/** Messages of which every recipient is this run's: there are no others of a run. */
function selectRun(run: string): Selector {
  const own = drillAddress(run);
  const isOwn = ({ address }: { readonly address: string }): boolean => address === own;
  const matches = ({ recipients }: QueuedMessage): boolean => recipients.length > 0 && recipients.every(isOwn);
  const of = { everything: false, excludes: false, ids: new Set<string>(), deleted: false, asksFarm: false };
  return { ...of, mayMatch: matches, matches, means: isOwn };
}
