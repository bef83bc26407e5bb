/** The selectors as options of a verb: the same for every verb that takes more than one message. */
import type { Argv } from 'yargs';
import type { CommonArgs } from '../common/parser.ts';
import { parseLimit } from './limit.ts';
import { STATES, type SelectorArgs } from './selectors.ts';

type Repeated = readonly string[] | string | undefined;

/** The selectors that may stand more than once on the line. */
export const REPEATABLE = [
  'id',
  'sender',
  'recipient',
  'domain',
  'hop',
  'tenant',
  'age',
  'size',
  'state',
  'reply',
  'not',
] as const;

export interface SelectorOptions extends CommonArgs, Readonly<Partial<Record<(typeof REPEATABLE)[number], Repeated>>> {
  readonly operation?: string | undefined;
  readonly limit?: number | undefined;
}

/** Adds ids and selectors to a verb. An option may be repeated; it takes one value each time. */
export function addSelectors<T extends CommonArgs>(verb: Argv<T>): Argv<T & SelectorOptions> {
  const text = { type: 'string', requiresArg: true, group: 'Selectors:' } as const;
  return verb
    .positional('id', { type: 'string', array: true, describe: 'Queue ids (also as --id)' })
    .option('sender', { ...text, describe: "Envelope sender; * fits anything, '<>' bounces" })
    .option('recipient', { ...text, describe: 'A recipient; * fits anything' })
    .option('domain', { ...text, describe: 'A recipient’s domain; .example.org with what is below it' })
    .option('hop', { ...text, describe: "Where it goes next, as 'mx:example.org' or 'smtp *'" })
    .option('tenant', { ...text, describe: 'Whose mail it is; * fits anything' })
    .option('age', { ...text, describe: "'>1h' or 1h: older, '<30m': younger (s m h d w)" })
    .option('size', { ...text, describe: "'>1MiB' or 1MiB: larger, '<20K': smaller" })
    .option('state', { ...text, choices: STATES, describe: 'State of a recipient; deleted: the deleted queue' })
    .option('reply', { ...text, describe: "Last reply: its code, status or text, as 4.7.1 or '*greylist*'" })
    .option('not', { ...text, describe: 'Not these: a selector and its value, as domain=example.org' })
    .option('operation', { ...text, describe: 'Of the deleted queue: what one queue delete took, by its id, or last' })
    .option('limit', {
      type: 'string',
      requiresArg: true,
      describe: 'At most so many messages (summary: rows)',
      coerce: parseLimit,
    });
}

/** The values as lists. */
export function selectorArgs(args: SelectorOptions): SelectorArgs {
  const lists = REPEATABLE.map((name) => [name, listOf(args[name])] as const);
  return { ...(Object.fromEntries(lists) as SelectorArgs), operation: args.operation };
}

function listOf(value: Repeated): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
