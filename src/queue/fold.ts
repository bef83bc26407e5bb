/**
 * What became of a message, told from its envelope and its outcomes in the order of their time. A final outcome stays: nothing
 * that comes later, and no clock that steps back, undoes it.
 */
import type { Envelope } from '../mail/envelope.ts';
import { isFinal, type Hop, type Notice, type Outcome, type Reply } from '../mail/outcome.ts';

/** Where a recipient stands. `waiting` was never tried; `succeeded` is owed good news; `done` needs nothing more. */
export interface RecipientState {
  readonly address: string;
  readonly state: 'waiting' | 'deferred' | 'failed' | 'succeeded' | 'held' | 'done';
  readonly attempts: number;
  /** When the last of them ended, ms since 1970. */
  readonly tried?: number;
  readonly until?: number;
  readonly hop?: Hop;
  readonly reply?: Reply;
  readonly why?: string;
  /** Since when it is held, ms since 1970. */
  readonly heldAt?: number;
  /** While it is held: the state to which a release brings it back. */
  readonly heldFrom?: 'waiting' | 'deferred' | 'failed' | 'succeeded';
  readonly warned?: boolean;
  /** For succeeded: what is to be told. */
  readonly notice?: Notice;
  /** Since when it waits no more for the time that its sender named, milliseconds since 1970. */
  readonly released?: number;
}

/** The state of every recipient of the envelope, and of those that expansions put in their place. */
export function foldOutcomes(envelope: Envelope, outcomes: readonly Outcome[]): RecipientState[] {
  const states = new Map<string, RecipientState>();
  const { notBefore } = envelope;
  for (const { address } of envelope.recipients) states.set(address, waiting(address, notBefore));
  return applyTo(states, outcomes, notBefore);
}

/** The states after more outcomes: for whoever owns the message and has just recorded them. */
export function applyOutcomes(recipients: readonly RecipientState[], outcomes: readonly Outcome[]): RecipientState[] {
  return applyTo(new Map(recipients.map((recipient) => [recipient.address, recipient])), outcomes);
}

function applyTo(
  states: Map<string, RecipientState>,
  outcomes: readonly Outcome[],
  notBefore?: number,
): RecipientState[] {
  const ordered = outcomes.length > 1 ? outcomes.toSorted((a, b) => a.at - b.at) : outcomes;
  for (const outcome of ordered) {
    for (const address of outcome.recipients) {
      const before = states.get(address) ?? waiting(address, notBefore);
      if (before.state !== 'done') states.set(address, apply(before, outcome));
    }
    if (outcome.state !== 'expanded' && outcome.state !== 'succeeded') continue;
    for (const address of outcome.into ?? [])
      if (!states.has(address)) states.set(address, waiting(address, notBefore));
  }
  return [...states.values()];
}

function waiting(address: string, until: number | undefined): RecipientState {
  return until === undefined
    ? { address, state: 'waiting', attempts: 0 }
    : { address, state: 'waiting', attempts: 0, until };
}

function apply(before: RecipientState, outcome: Outcome): RecipientState {
  const { address } = before;
  if (isFinal(outcome.state)) return { address, state: 'done', attempts: before.attempts };
  switch (outcome.state) {
    case 'warned':
      return { ...before, warned: true };
    case 'released':
      return release(before, outcome.at);
    case 'held':
      return hold(before, outcome);
    default: {
      // It was delivered: nothing that was said of it before, or by the clock of another, brings it back to work.
      if (before.state === 'succeeded') return before;
      // Who gives it up while it is held wants it to go: what is left to do is to tell its sender.
      if (before.heldFrom === 'succeeded')
        return outcome.state === 'failed' ? { ...withoutHold(before), state: 'succeeded' } : before;
      const state = outcome.state === 'failed' || outcome.state === 'succeeded' ? outcome.state : 'deferred';
      const known = outcome.afresh === true ? withoutHop(before) : before;
      return { ...withoutHold(known), state, ...details(outcome) };
    }
  }
}

function release(before: RecipientState, at: number): RecipientState {
  if (before.state === 'held') return { ...withoutHold(before), state: before.heldFrom ?? 'waiting' };
  if (before.state !== 'waiting' || before.until === undefined) return before;
  const { until: _until, ...rest } = before;
  return { ...rest, released: at };
}

function hold(before: RecipientState, { at, why }: Outcome): RecipientState {
  const { state, heldFrom = state } = before;
  const from = heldFrom === 'held' || heldFrom === 'done' ? 'waiting' : heldFrom;
  return { ...before, state: 'held', heldAt: at, heldFrom: from, ...(why === undefined ? {} : { why }) };
}

function withoutHold({
  why: _why,
  heldAt: _at,
  heldFrom: _from,
  ...rest
}: RecipientState): Omit<RecipientState, 'why' | 'heldAt' | 'heldFrom'> {
  return rest;
}

function withoutHop({ hop: _hop, ...rest }: RecipientState): RecipientState {
  return rest;
}

/** What an operator asks for is no attempt: it has no number, or no reply. */
function details(outcome: Outcome): Partial<RecipientState> {
  const { at, attempts, until, hop, reply, notice } = outcome;
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(attempts === undefined || reply === undefined ? {} : { tried: at }),
    ...(until === undefined ? {} : { until }),
    ...(hop === undefined ? {} : { hop }),
    ...(reply === undefined ? {} : { reply }),
    ...(notice === undefined ? {} : { notice }),
  };
}
