/** What was promised in a run and when: to clients (250), to operators (a verb that returned), and by the outcome journal. */
import { parseLine, sumHolds } from '../../../src/queue/record.ts';
import { isFinal } from '../../../src/mail/outcome.ts';
import type { CallEvent, Time } from './record.ts';

/** A message as its client saw it. */
export interface Sent {
  /** X-Test-Id. */
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
  /** From the 250; none when it was refused or the answer never came. */
  queueId?: string;
  /** When the answer was read. */
  answered?: Time;
  refused?: boolean;
  /** A failure of it may be dropped: nobody is to be told. */
  readonly mayDrop: boolean;
}

export type Verb = 'hold' | 'release' | 'delete' | 'restore';

export interface Operation {
  readonly verb: Verb;
  readonly queueId: string;
  readonly begin: Time;
  /** When the command had returned. */
  readonly end: Time;
}

export interface Ledger {
  readonly sent: Sent[];
  readonly operations: Operation[];
  /** Held from its 250 on. */
  readonly quarantined: Set<string>;
  /** By `ID ADDRESS`: when the next hop decided to take it. */
  readonly taken: Map<string, Time>;
  readonly aliases: ReadonlyMap<string, readonly string[]>;
}

export function now(): Time {
  return Number(process.hrtime.bigint());
}

/** By `QUEUE-ID ADDRESS`: when its final outcome was durable in an outcome journal. */
export function finalOutcomes(events: readonly CallEvent[]): Map<string, Time> {
  const final = new Map<string, Time>();
  const waiting = new Map<string, { readonly end: Time; readonly keys: string[] }[]>();
  for (const event of events) {
    if (event.op === 'write' && event.file.startsWith('queue/outcome/')) {
      const entry = { end: event.end, keys: finalKeys(event.data) };
      waiting.set(event.handle, [...(waiting.get(event.handle) ?? []), entry]);
    }
    if (event.op !== 'sync') continue;
    const synced = (waiting.get(event.handle) ?? []).filter((entry) => entry.end <= event.begin);
    for (const { keys } of synced) for (const key of keys) if (!final.has(key)) final.set(key, event.end);
    waiting.set(
      event.handle,
      (waiting.get(event.handle) ?? []).filter((entry) => !synced.includes(entry)),
    );
  }
  return final;
}

function finalKeys(data: Buffer): string[] {
  return data
    .toString('utf8')
    .split('\n')
    .flatMap((text) => {
      const line = Buffer.from(text);
      const record = parseLine(line);
      if (record?.kind !== 'outcomes' || !sumHolds(line, 0)) return [];
      const ends = record.outcomes.filter((outcome) => isFinal(outcome.state));
      return ends.flatMap((outcome) => outcome.recipients.map((address) => `${record.id} ${address}`));
    });
}
