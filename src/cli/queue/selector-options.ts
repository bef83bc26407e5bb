/** The selectors as options of a verb: the same for every verb that takes more than one message. */
import type { Argv } from 'yargs';
import type { CommonArgs } from '../common/parser.ts';
import { parseLimit } from './limit.ts';
import { STATES, type SelectorArgs } from './selectors.ts';

type Repeated = readonly string[] | string | undefined;

export interface SelectorOptions extends CommonArgs {
  /** Positional ids and --id. */
  readonly id?: Repeated;
  readonly sender?: Repeated;
  readonly recipient?: Repeated;
  readonly domain?: Repeated;
  readonly age?: Repeated;
  readonly state?: Repeated;
  readonly limit?: number | undefined;
}

/** The selectors that may stand more than once on the line. */
export const REPEATABLE = ['id', 'sender', 'recipient', 'domain', 'age', 'state'] as const;

/** Adds ids and selectors to a verb. An option may be repeated; it takes one value each time. */
export function addSelectors<T extends CommonArgs>(verb: Argv<T>): Argv<T & SelectorOptions> {
  const text = { type: 'string', requiresArg: true, group: 'Selectors:' } as const;
  return verb
    .positional('id', { type: 'string', array: true, describe: 'Queue ids (also as --id)' })
    .option('sender', { ...text, describe: "Envelope sender; * fits anything, '<>' bounces" })
    .option('recipient', { ...text, describe: 'A recipient; * fits anything' })
    .option('domain', { ...text, describe: 'A recipient’s domain; .example.org with what is below it' })
    .option('age', { ...text, describe: "'>1h' or 1h: older, '<30m': younger (s m h d w)" })
    .option('state', { ...text, choices: STATES, describe: 'State of a recipient; deleted: the deleted queue' })
    .option('limit', {
      type: 'string',
      requiresArg: true,
      describe: 'At most so many messages (summary: rows)',
      coerce: parseLimit,
    });
}

/** The values as lists. */
export function selectorArgs(args: SelectorOptions): SelectorArgs {
  const { id, sender, recipient, domain, age, state } = args;
  return {
    id: listOf(id),
    sender: listOf(sender),
    recipient: listOf(recipient),
    domain: listOf(domain),
    age: listOf(age),
    state: listOf(state),
  };
}

function listOf(value: Repeated): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
