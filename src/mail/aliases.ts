/**
 * The alias file: which recipients stand in the place of a local name.
 *
 * Format of /etc/aliases: `name: a, b@example.org`, `name@example.org: …`, comments, continuation lines, quoted names.
 * Targets are addresses and nothing else: commands, files and includes are refused by name, never run or opened.
 * A line that cannot be read is reported and left out; the lines around it stay.
 */
import { oneLine } from '../base/text.ts';
import { domainOf, localOf, parseAddress } from './address.ts';
import { withoutTag } from './mailboxes.ts';

/** One line that was left out, and why. */
export interface AliasProblem {
  readonly file: string;
  /** First line of the entry, from 1. */
  readonly line: number;
  /** The alias, as far as it could be read. */
  readonly key: string;
  readonly message: string;
}

/**
 * Alias to targets. Keys are `name` (of every local domain) or `name@domain`, in lower case; targets are `name` (of the
 * domain of the alias) or `local@domain` with the domain in lower case.
 */
export type AliasTable = ReadonlyMap<string, readonly string[]>;

export interface ParsedAliases {
  readonly table: AliasTable;
  readonly problems: readonly AliasProblem[];
}

/** Longest entry, continuation lines included; longer ones are reported, so that one bad quote costs one entry. */
const MAX_ENTRY = 1024 * 1024;

/** Reads the whole file; `file` only names it in problems. Never throws. */
export function parseAliases(text: string, file: string): ParsedAliases {
  const table = new Map<string, readonly string[]>();
  const problems: AliasProblem[] = [];
  for (const entry of joinLines(text)) {
    const parsed = parseEntry(entry.text);
    const refuse = (message: string): void => {
      problems.push({ file, line: entry.line, key: oneLine(parsed.key, 80), message });
    };
    if ('why' in parsed) refuse(parsed.why);
    else if (table.has(parsed.key)) refuse('defined a second time; the first definition stays');
    else table.set(parsed.key, parsed.targets);
  }
  return { table, problems };
}

/**
 * The alias of a local address, as parseAddress() makes it: with its tag or without, of its domain or of every local one.
 * One function for who refuses recipients and who expands them: where two disagree, mail is taken and then bounced. An
 * empty tag, `sales+@domain`, is never an alias: it stands for the mailbox behind an alias that names itself.
 */
export function findAlias(address: string, has: (name: string) => boolean): string | undefined {
  const domain = domainOf(address);
  const local = localOf(address).toLowerCase();
  if (local.endsWith('+')) return undefined;
  const base = withoutTag(local);
  for (const name of base === local ? [local] : [local, base]) {
    const full = `${name}@${domain}`;
    if (has(full)) return full;
    if (has(name)) return name;
  }
  return undefined;
}

/** The address behind an empty tag, which only we know the meaning of: `root@domain` for `root+@domain`. */
export function withoutEmptyTag(address: string): string {
  const local = localOf(address);
  return local.length > 1 && local.endsWith('+') ? `${local.slice(0, -1)}@${domainOf(address)}` : address;
}

/** As `aliases:12: sales: what is wrong`. */
export function formatAliasProblem(problem: AliasProblem): string {
  return `${problem.file}:${problem.line}: ${problem.key === '' ? '' : `${problem.key}: `}${problem.message}`;
}

interface Entry {
  readonly line: number;
  readonly text: string;
}

/** Joins lines that begin with white space to the line before; drops comments and empty lines. */
function joinLines(text: string): Entry[] {
  const entries: { line: number; text: string[] }[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (/^\s*(#|$)/.test(line)) return;
    const last = entries.at(-1);
    if (/^\s/.test(line) && last !== undefined) last.text.push(line);
    else entries.push({ line: index + 1, text: [line] });
  });
  return entries.map((entry) => ({ line: entry.line, text: entry.text.join(' ') }));
}

type ParsedEntry =
  | { readonly key: string; readonly targets: readonly string[] }
  | { readonly key: string; readonly why: string };

function parseEntry(text: string): ParsedEntry {
  if (text.length > MAX_ENTRY) return { key: text.slice(0, 80), why: `longer than ${MAX_ENTRY} characters` };
  const fields = splitOutsideQuotes(text, ':', 2);
  if (fields === undefined) return { key: text.slice(0, 80), why: 'a quote is not closed' };
  const [name = '', list] = fields;
  if (list === undefined) return { key: name.trim(), why: 'expected `name: address, address`' };
  const key = parseName(name.trim());
  if ('why' in key) return { key: name.trim(), why: key.why };
  const targets = parseTargets(list);
  return Array.isArray(targets) ? { key: key.name, targets } : { key: key.name, why: targets };
}

function parseName(name: string): { readonly name: string } | { readonly why: string } {
  const parsed = parseMailName(name);
  return 'why' in parsed ? { why: `not a name: ${parsed.why}` } : { name: parsed.name.toLowerCase() };
}

/** The targets, each once and in order, or what is wrong with one of them. */
function parseTargets(list: string): string[] | string {
  const items = splitOutsideQuotes(list, ',');
  if (items === undefined) return 'a quote is not closed';
  const targets = new Set<string>();
  for (const item of items.map((one) => one.trim())) {
    if (item === '') continue;
    const forbidden = refuseUnsafe(item);
    if (forbidden !== undefined) return forbidden;
    const parsed = parseMailName(item.replace(/^\\/, ''));
    if ('why' in parsed) return `${oneLine(item, 80)} is not an address: ${parsed.why}`;
    targets.add(parsed.name);
  }
  return targets.size === 0 ? 'has no targets' : [...targets];
}

/** What other mail systems would run, write to or open: named, so that nobody wonders why his old file differs. */
function refuseUnsafe(item: string): string | undefined {
  const bare = item.replace(/^"+/, '');
  const shown = oneLine(item, 80);
  if (bare.startsWith('|')) return `${shown} is a command: aliases lead to addresses only`;
  if (/^:include:/i.test(bare)) return `${shown} is an include: list the addresses here`;
  if (bare.startsWith('/')) return `${shown} is a file: aliases lead to addresses only`;
  return undefined;
}

/** `local` or `local@domain`, in the canonical form of an address. */
function parseMailName(text: string): { readonly name: string } | { readonly why: string } {
  const whole = parseAddress(text, { smtputf8: true });
  if (whole.ok) return { name: whole.address };
  const bare = parseAddress(text, { smtputf8: true, defaultDomain: 'localhost' });
  return bare.ok ? { name: bare.local } : { why: bare.why };
}

/** Splits at a separator that stands outside of quotes, into at most `max` fields; undefined when a quote stays open. */
function splitOutsideQuotes(text: string, separator: string, max = Infinity): string[] | undefined {
  const fields: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (quoted && char === '\\') at += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === separator && !quoted) {
      if (fields.length + 1 < max) {
        fields.push(text.slice(start, at));
        start = at + 1;
      }
    }
  }
  fields.push(text.slice(start));
  return quoted ? undefined : fields;
}
