/**
 * Selectors: which messages a verb of `queue` means. Values of one option widen the choice, different options narrow it, and `--not`
 * takes messages out of it.
 *
 * Options that speak of a recipient (recipient, domain, hop, state, reply) speak of one and the same: a message is chosen when any of
 * its recipients fits all of them. `--not` goes for every recipient: a message is out as soon as one of them fits. So what is not meant is
 * never touched: for verbs that change something, that goes also for what may fit for all that is known. Nothing looks at content.
 */
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import { isQueueId } from '../../queue/queue-id.ts';
import { parseAge, parseSizeBound } from './bounds.ts';
import { compilePattern } from './pattern.ts';
import {
  addressTest,
  domainTest,
  hopOf,
  hopTest,
  replyTest,
  stateTest,
  type RecipientTest,
} from './recipient-tests.ts';

/** Options whose values may also follow `--not`, as `--not domain=example.org`. */
const NEGATABLE = ['sender', 'recipient', 'domain', 'hop', 'tenant', 'age', 'size', 'state', 'reply'] as const;
type Negatable = (typeof NEGATABLE)[number];

/** As the command line gives them. */
export interface SelectorArgs extends Readonly<Partial<Record<Negatable | 'id' | 'not', readonly string[]>>> {
  /** `last`, or the id of an operation that deleted. */
  readonly operation?: string | undefined;
}

/** A message, and of which recipients a running farm did not say what it knows. */
export interface SeenMessage extends QueuedMessage {
  /** Their addresses. */
  readonly unseen?: ReadonlySet<string>;
}

export interface Selector {
  /** Nothing was named, but perhaps what is to be left out: every message, or every other. */
  readonly everything: boolean;
  /** `--not` leaves some out. */
  readonly excludes: boolean;
  /** Ids that were named: such messages need no walk through the queue. */
  readonly ids: ReadonlySet<string>;
  /** The deleted queue is meant (`--state deleted`, `--operation`). */
  readonly deleted: boolean;
  /** Of the deleted queue, what this operation took: its id, or `last`. */
  readonly operation?: string | undefined;
  /** It asks for the next hop or the last reply: of what was never tried only the running farm knows these. */
  readonly asksFarm: boolean;
  /** By all that the files know; without what only the farm may know. */
  readonly mayMatch: (message: QueuedMessage, now: number) => boolean;
  /** `careful`: `--not` leaves out also what is not known to be something else. */
  readonly matches: (message: SeenMessage, now: number, careful?: boolean) => boolean;
  /** This recipient of a chosen message is meant. */
  readonly means: (recipient: RecipientState) => boolean;
}

export type SelectorResult =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly why: string };

export const STATES = ['waiting', 'deferred', 'failed', 'succeeded', 'held', 'deleted'] as const;

type MessageTest = (message: QueuedMessage, now: number) => boolean;
type Test =
  | { readonly of: 'message'; readonly fits: MessageTest }
  | { readonly of: 'recipient'; readonly fits: RecipientTest };

/** One option with all its values, or one value behind `--not`. */
interface Rule {
  readonly name: Negatable;
  readonly not: boolean;
  readonly tests: readonly Test[];
}

const ASK_FARM: ReadonlySet<string> = new Set(['hop', 'reply']);
const LAST = 'last';

/** Reads the selectors of a command line. `why` is one sentence for the user. */
export function parseSelector(args: SelectorArgs): SelectorResult {
  const ids = new Set((args.id ?? []).map((id) => id.toLowerCase()));
  const bad = [...ids].find((id) => !/^[0-9a-z]{19}$/.test(id));
  if (bad !== undefined) return { ok: false, why: `${bad} is no queue id: they have 19 letters and digits` };
  const operation = args.operation?.toLowerCase();
  if (operation !== undefined && operation !== LAST && !isQueueId(operation))
    return { ok: false, why: '--operation takes last, or the id that queue delete told at its end' };
  const rules: Rule[] = [];
  for (const given of [...namedRules(args), ...(args.not ?? []).map(readNot)]) {
    if (typeof given === 'string') return { ok: false, why: given };
    if (given.tests.length > 0) rules.push(given);
  }
  const everything = rules.every(({ not }) => not) && ids.size === 0 && operation === undefined;
  const deleted = operation !== undefined || (args.state ?? []).includes('deleted');
  const cheap = rules.filter(({ name }) => !ASK_FARM.has(name));
  const selector: Selector = {
    everything,
    excludes: rules.some(({ not }) => not),
    ids,
    deleted,
    operation,
    asksFarm: cheap.length < rules.length,
    mayMatch: combine(ids, cheap),
    matches: combine(ids, rules),
    means: meansOf(rules),
  };
  return { ok: true, selector };
}

/** One message. */
export function selectId(id: string): SelectorResult {
  return parseSelector({ id: [id] });
}

function namedRules(args: SelectorArgs): readonly (Rule | string)[] {
  return NEGATABLE.map((name) => {
    // The deleted queue is another place, no state of a recipient.
    const values = (args[name] ?? []).filter((value) => name !== 'state' || value !== 'deleted');
    return makeRule(name, values, false);
  });
}

/** `domain=example.org`. */
function readNot(text: string): Rule | string {
  const at = text.indexOf('=');
  const name = NEGATABLE.find((one) => one === text.slice(0, at));
  if (at < 1 || name === undefined) {
    return `--not takes a selector and its value, as --not domain=example.org; selectors are ${NEGATABLE.join(', ')}`;
  }
  const value = text.slice(at + 1);
  if (name === 'state' && !STATES.some((state) => state === value && state !== 'deleted'))
    return `--not state= takes one of ${STATES.filter((state) => state !== 'deleted').join(', ')}`;
  return makeRule(name, [value], true);
}

function makeRule(name: Negatable, values: readonly string[], not: boolean): Rule | string {
  const tests: Test[] = [];
  for (const value of values) {
    if (value.trim() === '') return emptyValue(name, not);
    const test = MAKE[name](value);
    if (typeof test === 'string') return test;
    tests.push(test);
  }
  return { name, not, tests };
}

function emptyValue(name: Negatable, not: boolean): string {
  const hint = name === 'sender' ? "; the null sender is '<>'" : '';
  return `${not ? `--not ${name}=` : `--${name}`} needs a value${hint}`;
}

const MAKE: Readonly<Record<Negatable, (value: string) => Test | string>> = {
  sender: (value) => ofMessage(senderTest(value)),
  tenant: (value) => {
    const fits = compilePattern(value);
    return ofMessage(({ envelope }) => fits(envelope.tenant));
  },
  age: (value) => {
    const fits = parseAge(value);
    if (!fits) return "--age takes '>1h', '<30m' or '2d' (older than)";
    return ofMessage(({ envelope }, now) => fits(now - envelope.received));
  },
  size: (value) => {
    const fits = parseSizeBound(value);
    if (!fits) return "--size takes '>1MiB', '<20K' or '500K' (and larger): bytes, K, M or G";
    return ofMessage(({ size }) => fits(size));
  },
  recipient: (value) => ofRecipient(addressTest(value)),
  domain: (value) => ofRecipient(domainTest(value)),
  hop: (value) => ofRecipient(hopTest(value)),
  state: (value) => ofRecipient(stateTest(value)),
  reply: (value) => ofRecipient(replyTest(value)),
};

function ofMessage(fits: MessageTest): Test {
  return { of: 'message', fits };
}

function ofRecipient(fits: RecipientTest): Test {
  return { of: 'recipient', fits };
}

function senderTest(pattern: string): MessageTest {
  if (pattern === '<>') return ({ envelope }) => envelope.sender === '';
  const fits = compilePattern(pattern);
  return ({ envelope }) => fits(envelope.sender);
}

/** Values of `--age` and `--size` are bounds: a message lies within all of them. */
function isWithin({ name, tests }: Rule, fits: (test: Test) => boolean): boolean {
  return name === 'age' || name === 'size' ? tests.every(fits) : tests.some(fits);
}

function combine(ids: ReadonlySet<string>, rules: readonly Rule[]): Selector['matches'] {
  const means = meansOf(rules);
  const picky = rules.some(({ not, tests }) => !not && tests[0]?.of === 'recipient');
  const ofMessages = rules.filter(({ tests }) => tests[0]?.of === 'message');
  const never = rules.filter(({ not, tests }) => not && tests[0]?.of === 'recipient');
  return (message, now, careful = false) =>
    (ids.size === 0 || ids.has(message.id)) &&
    ofMessages.every(
      (rule) => isWithin(rule, (test) => test.of === 'message' && test.fits(message, now)) !== rule.not,
    ) &&
    (!picky || message.recipients.some(means)) &&
    !never.some((rule) =>
      message.recipients.some((one) => fitsOne(rule, one) || (careful && isUnknown(rule, one, message))),
    );
}

/** Nobody said what this rule asks for. The last reply of a recipient without one may be that of its bin, which only the farm knows. */
function isUnknown({ name }: Rule, one: RecipientState, { unseen }: SeenMessage): boolean {
  if (name === 'hop') return hopOf(one) === undefined;
  return name === 'reply' && one.reply === undefined && unseen?.has(one.address) === true;
}

/** Recipients that are done are not looked at: they are of no interest to whoever works on the queue. */
function meansOf(rules: readonly Rule[]): RecipientTest {
  const wanted = rules.filter(({ not, tests }) => !not && tests[0]?.of === 'recipient');
  return (recipient) => wanted.every((rule) => fitsOne(rule, recipient));
}

function fitsOne({ tests }: Rule, recipient: RecipientState): boolean {
  return tests.some((test) => test.of === 'recipient' && test.fits(recipient));
}
