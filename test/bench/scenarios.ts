/**
 * The works of the comparison as data: what is done, how often, and what Mailfarm must reach. Everything else of the
 * comparison works for any such row.
 */

/** What one run of a work gives; which of them depends on the work. */
export interface Figures {
  /** Messages (fan-out: deliveries) a second, from the start to the last one at the sink. */
  readonly rate?: number;
  /** CPU milliseconds of all processes per message. */
  readonly cpu?: number;
  /** Of all processes, MiB. */
  readonly pss?: number;
  /** From the start (restart) to the first delivery, milliseconds. */
  readonly first?: number;
  /** From the start (restart) or the 250 (fan-out) to the last delivery, milliseconds. */
  readonly last?: number;
}

export type FigureName = keyof Figures;

export interface Target {
  readonly figure: FigureName;
  /** Mailfarm must be so many times better than Postfix. */
  readonly times?: number;
  /** Mailfarm's own figure, whatever the others have. */
  readonly atMost?: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly work: 'idle' | 'relay' | 'fan-out' | 'restart';
  /** Bytes of a content. */
  readonly size: number;
  readonly sessions: number;
  /** Open beside, without sending. */
  readonly idleSessions: number;
  /** Of one run. */
  readonly messages: number;
  /** With --quick; 0: left out. */
  readonly quickMessages: number;
  readonly targets: readonly Target[];
}

const KIB = 1024;
/** Of the issue: "under 250 MB". */
const MB = 1e6 / (1024 * 1024);
const RELAY = { work: 'relay', size: KIB, sessions: 20, idleSessions: 0 } as const;

export const FAN_OUT = { recipients: 1000, domains: 50 } as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...RELAY,
    name: 'idle',
    title: 'idle',
    work: 'idle',
    sessions: 0,
    messages: 0,
    quickMessages: 0,
    targets: [{ figure: 'pss', atMost: 250 * MB }],
  },
  {
    ...RELAY,
    name: 'relay-1k',
    title: 'relay, 1 KiB, 20 sessions',
    messages: 10_000,
    quickMessages: 2000,
    targets: [
      { figure: 'rate', times: 7 },
      { figure: 'cpu', times: 7 },
    ],
  },
  {
    ...RELAY,
    name: 'relay-10k',
    title: 'relay, 10 KiB, 20 sessions',
    size: 10 * KIB,
    messages: 6000,
    quickMessages: 1500,
    targets: [{ figure: 'rate', times: 5 }],
  },
  {
    ...RELAY,
    name: 'relay-200k',
    title: 'relay, 200 KiB, 20 sessions',
    size: 200 * KIB,
    messages: 1500,
    quickMessages: 300,
    targets: [{ figure: 'rate', times: 2.5 }],
  },
  {
    ...RELAY,
    name: 'one-session',
    title: 'relay, 1 KiB, 1 session',
    sessions: 1,
    messages: 1500,
    quickMessages: 300,
    targets: [{ figure: 'rate', times: 2 }],
  },
  {
    ...RELAY,
    name: 'many-sessions',
    title: 'relay, 1 KiB, 150 sessions and 150 idle ones',
    sessions: 150,
    idleSessions: 150,
    messages: 10_000,
    quickMessages: 0,
    targets: [
      { figure: 'rate', times: 6 },
      { figure: 'pss', atMost: 500 * MB },
    ],
  },
  {
    ...RELAY,
    name: 'fan-out',
    title: `a message to ${FAN_OUT.recipients} recipients in ${FAN_OUT.domains} domains`,
    work: 'fan-out',
    sessions: 1,
    messages: 5,
    quickMessages: 0,
    targets: [
      { figure: 'last', times: 2 },
      { figure: 'cpu', times: 3 },
    ],
  },
  {
    ...RELAY,
    name: 'restart',
    title: 'deferred mail, all killed, restart',
    work: 'restart',
    messages: 10_000,
    quickMessages: 0,
    targets: [
      { figure: 'first', atMost: 1000 },
      { figure: 'last', times: 3 },
    ],
  },
];

/** How many times better one figure is than another: of a rate more is better, of all others less. */
export function timesBetter(figure: FigureName, one: number, other: number): number {
  return figure === 'rate' ? one / other : other / one;
}
