/**
 * Selectors: which messages a verb of `queue` means. Values of one option widen the choice, different options narrow it.
 *
 * They look at the envelope and at the states of recipients only, never at content. Patterns know `*` and nothing
 * else, and are matched in linear time.
 */
import { parseDomain } from '../../mail/domain.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';

/** As the command line gives them. */
export interface SelectorArgs {
  readonly id: readonly string[];
  readonly sender: readonly string[];
  readonly recipient: readonly string[];
  readonly domain: readonly string[];
  readonly age: readonly string[];
  readonly state: readonly string[];
}

export interface Selector {
  /** Nothing was named: every message. */
  readonly everything: boolean;
  /** Ids that were named, and nothing else was: such messages need no walk through the queue. */
  readonly ids: ReadonlySet<string>;
  /** The deleted queue is meant (`--state deleted`). */
  readonly deleted: boolean;
  readonly matches: (message: QueuedMessage, now: number) => boolean;
}

export type SelectorResult =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly why: string };

export const STATES = ['waiting', 'deferred', 'failed', 'succeeded', 'held', 'deleted'] as const;

type Test = (message: QueuedMessage, now: number) => boolean;

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Reads the selectors of a command line. `why` is one sentence for the user. */
export function parseSelector(args: SelectorArgs): SelectorResult {
  const ids = new Set(args.id.map((id) => id.toLowerCase()));
  const bad = [...ids].find((id) => !/^[0-9a-z]{19}$/.test(id));
  if (bad !== undefined) return { ok: false, why: `${bad} is no queue id: they have 19 letters and digits` };
  const ages = args.age.map(parseAge);
  if (ages.includes(undefined)) return { ok: false, why: "--age takes '>1h', '<30m' or '2d' (older than)" };
  const states = new Set(args.state.filter((state) => state !== 'deleted'));
  const tests = [
    anyOf(
      [...ids].map(
        (id): Test =>
          (message) =>
            message.id === id,
      ),
    ),
    anyOf(args.sender.map(senderTest)),
    anyOf(args.recipient.map((pattern) => recipientTest((address) => matchesPattern(pattern, address)))),
    anyOf(args.domain.map(canonical).map((pattern) => recipientTest((address) => isInDomain(address, pattern)))),
    allOf(ages.filter((age) => age !== undefined)),
    anyOf(
      [...states].map(
        (state): Test =>
          (message) =>
            message.recipients.some((one) => one.state === state),
      ),
    ),
  ].filter((test) => test !== undefined);
  const deleted = args.state.includes('deleted');
  return {
    ok: true,
    selector: { everything: tests.length === 0, ids, deleted, matches: allOf(tests) ?? (() => true) },
  };
}

function anyOf(tests: readonly Test[]): Test | undefined {
  return tests.length === 0 ? undefined : (message, now) => tests.some((test) => test(message, now));
}

function allOf(tests: readonly Test[]): Test | undefined {
  return tests.length === 0 ? undefined : (message, now) => tests.every((test) => test(message, now));
}

function senderTest(pattern: string): Test {
  const wanted = pattern === '<>' ? '' : pattern;
  return (message) =>
    wanted === '' ? message.envelope.sender === '' : matchesPattern(wanted, message.envelope.sender);
}

/** Recipients that are done are not looked at: they are of no interest to whoever works on the queue. */
function recipientTest(test: (address: string) => boolean): Test {
  return (message) => message.recipients.some((one) => test(one.address));
}

/** As the queue has domains: lower case, A-labels. A pattern, and what is no domain, stays as it is. */
function canonical(pattern: string): string {
  const dot = pattern.startsWith('.') ? '.' : '';
  const parsed = parseDomain(pattern.slice(dot.length));
  return parsed.ok ? dot + parsed.domain : pattern.toLowerCase();
}

/** `example.org`, or `.example.org` for it and everything below. */
function isInDomain(address: string, wanted: string): boolean {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  if (wanted.includes('*')) return matchesPattern(wanted, domain);
  return wanted.startsWith('.') ? domain === wanted.slice(1) || domain.endsWith(wanted) : domain === wanted;
}

function parseAge(text: string): Test | undefined {
  const match = /^([<>]?)=?\s*(\d{1,9})([smhdw])$/.exec(text.trim());
  const unit = UNITS[match?.[3] ?? ''];
  if (!match || unit === undefined) return undefined;
  const limit = Number(match[2]) * unit;
  return match[1] === '<'
    ? (message, now) => now - message.envelope.received < limit
    : (message, now) => now - message.envelope.received >= limit;
}

/** True when the whole text fits the pattern, in which `*` stands for any characters. Case does not count. */
export function matchesPattern(pattern: string, text: string): boolean {
  const parts = pattern.toLowerCase().split('*');
  const subject = text.toLowerCase();
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return subject === first;
  if (subject.length < first.length + last.length || !subject.startsWith(first) || !subject.endsWith(last))
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = subject.indexOf(part, at);
    if (found === -1 || found + part.length > subject.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
