/**
 * Records: one line of JSON, and for a message its content after it. The same form in journals, tree and state files,
 * so a message moves from a journal to the tree as it is, and `less` shows it.
 *
 *   {"sum":"0badcafe","v":1,"id":"…","len":1234,"envelope":{…}}⏎content        a message
 *   {"sum":"0badcafe","v":1,"accept":17}⏎                                       staged message 17 of this segment is accepted
 *   {"sum":"0badcafe","v":1,"id":"…","outcomes":[…]}⏎                           outcomes of a message
 *   {"sum":"0badcafe","v":1,"end":18}⏎                                          the segment has 18 records and gets no more
 *
 * `sum` is CRC-32 over the content and then over the line's rest behind it (without padding): a torn or foreign record is known.
 */
import { crc32 } from 'node:zlib';
import { isEnvelope, isOutcome } from '../mail/shapes.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { isQueueId } from './queue-id.ts';
import type { QueueId } from './store.ts';

const RECORD_VERSION = 1;
/** Longest line that is read, its newline included; no longer one is written. Acceptors stop well below (rcpt-command.ts). */
export const MAX_RECORD_LINE = 4 * 1024 * 1024;

/** Bytes of a line of outcomes that more of them are not added to: a fraction of what is read back. */
const OUTCOME_LINE = 1024 * 1024;

const NEWLINE = 0x0a;
const HEAD = '{"sum":"';
const REST_AT = HEAD.length + 8 + 2;

export interface MessageRecord {
  readonly kind: 'message';
  readonly id: QueueId;
  readonly length: number;
  readonly staged: boolean;
  readonly envelope: Envelope;
}
export interface AcceptRecord {
  readonly kind: 'accept';
  readonly ordinal: number;
}
export interface OutcomeRecord {
  readonly kind: 'outcomes';
  readonly id: QueueId;
  readonly outcomes: readonly Outcome[];
}
export interface EndRecord {
  readonly kind: 'end';
  readonly records: number;
}
export type RecordLine = MessageRecord | AcceptRecord | OutcomeRecord | EndRecord;

/**
 * The line of a message; `contentSum` is the CRC-32 of its content. `pad` fills the line with spaces to that many bytes.
 * Throws where the line could not be read back: a message that is promised and never found again is worse than none, and it
 * hides those behind it.
 */
export function messageLine(
  record: Omit<MessageRecord, 'kind'>,
  contentSum: number,
  options: { readonly pad?: number } = {},
): Buffer {
  const { id, length, staged, envelope } = record;
  const mark = staged ? '"staged":true,' : '';
  if (!isEnvelope(envelope)) throw new TypeError(`the envelope of ${id} is none, or has too many recipients`);
  const rest = `"v":${RECORD_VERSION},"id":"${id}","len":${length},${mark}"envelope":${JSON.stringify(envelope)}}`;
  const line = finishLine(rest, contentSum, options.pad);
  if (line.length > MAX_RECORD_LINE)
    throw new TypeError(`the envelope of ${id} is longer than ${MAX_RECORD_LINE} bytes`);
  return line;
}

export function acceptLine(ordinal: number): Buffer {
  return finishLine(`"v":${RECORD_VERSION},"accept":${ordinal}}`, 0);
}

export function endLine(records: number): Buffer {
  return finishLine(`"v":${RECORD_VERSION},"end":${records}}`, 0);
}

/** Throws where the line could not be read back: an outcome that is written and then passed over is worse than none. */
export function outcomeLine(id: QueueId, outcomes: readonly Outcome[]): Buffer {
  if (!outcomes.every(isOutcome)) throw new TypeError(`not an outcome of ${id}`);
  return finishLine(`"v":${RECORD_VERSION},"id":"${id}","outcomes":${JSON.stringify(outcomes)}}`, 0);
}

/** The same as one line, or as several where one would be too long to be read again. Nothing is lost when only the first are written. */
export function outcomeLines(id: QueueId, outcomes: readonly Outcome[]): Buffer[] {
  const line = outcomeLine(id, outcomes);
  if (line.length <= OUTCOME_LINE) return [line];
  const [one] = outcomes;
  const halves = outcomes.length > 1 || !one ? halve(outcomes) : halveOutcome(one)?.map((half) => [half]);
  return halves?.flatMap((half) => outcomeLines(id, half)) ?? [line];
}

function halve<T>(list: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

/** An alias is done with the last of its members: whoever has only the first ones expands it again. */
function halveOutcome(outcome: Outcome): Outcome[] | undefined {
  const { recipients, into = [] } = outcome;
  if (into.length > 1) {
    const [first, rest] = halve(into);
    return [
      { ...outcome, recipients: [], into: first },
      { ...outcome, into: rest },
    ];
  }
  if (recipients.length > 1) return halve(recipients).map((some) => ({ ...outcome, recipients: some }));
  return undefined;
}

function finishLine(rest: string, seed: number, pad = 0): Buffer {
  const end = REST_AT + Buffer.byteLength(rest);
  const line = Buffer.allocUnsafe(Math.max(pad, end + 1));
  line.write(rest, REST_AT);
  const sum = crc32(line.subarray(REST_AT, end), seed).toString(16).padStart(8, '0');
  line.write(`${HEAD}${sum}",`, 'latin1');
  line.fill(' ', end);
  line[line.length - 1] = NEWLINE;
  return line;
}

/** What a line says, before its sum is checked; undefined when it is no record. Never throws. */
export function parseLine(line: Buffer): RecordLine | undefined {
  if (line.length <= REST_AT || line.toString('latin1', 0, HEAD.length) !== HEAD) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
  return asRecord(value as Record<string, unknown>);
}

/**
 * The same for those who only want to know whose outcomes a line holds: what is in it is left out where the line is as outcomeLine()
 * writes it, so only its sum, which the caller checks, says that it is sound.
 */
export function peekLine(line: Buffer): RecordLine | undefined {
  const start = line.toString('latin1', 0, OUTCOMES_AT);
  const id = OUTCOMES.exec(start)?.[1];
  return id !== undefined && isQueueId(id) ? { kind: 'outcomes', id, outcomes: [] } : parseLine(line);
}

const OUTCOMES = /^\{"sum":"[0-9a-f]{8}","v":1,"id":"([0-9a-z]{19})","outcomes":\[$/;
const OUTCOMES_AT = '{"sum":"00000000","v":1,"id":"0000000000000000000","outcomes":['.length;

function asRecord(value: Record<string, unknown>): RecordLine | undefined {
  const { v, id, len, accept, end, envelope, outcomes, staged } = value;
  if (v !== RECORD_VERSION) return undefined;
  if (isCount(accept)) return { kind: 'accept', ordinal: accept };
  if (isCount(end)) return { kind: 'end', records: end };
  if (typeof id !== 'string' || !isQueueId(id)) return undefined;
  if (Array.isArray(outcomes)) {
    return outcomes.every(isOutcome) ? { kind: 'outcomes', id, outcomes: outcomes as Outcome[] } : undefined;
  }
  if (!isCount(len) || !isEnvelope(envelope)) return undefined;
  return { kind: 'message', id, length: len, staged: staged === true, envelope: envelope as Envelope };
}

/** True when the line, after content with CRC-32 `contentSum` (0 without content), has the sum that it claims. */
export function sumHolds(line: Buffer, contentSum: number): boolean {
  let end = line.length;
  while (end > REST_AT && (line[end - 1] === 0x20 || line[end - 1] === 0x0a)) end -= 1;
  const claimed = line.toString('latin1', HEAD.length, HEAD.length + 8);
  return crc32(line.subarray(REST_AT, end), contentSum).toString(16).padStart(8, '0') === claimed;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
