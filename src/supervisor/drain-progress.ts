/** What `mailfarmd --drain` tells while it waits: deferred mail keeps its own times, and the end may be hours away. */
import type { Stats } from '../ipc/insight.ts';

/** Between two lines, in ms. */
const QUIET_MS = 5000;
const STEPS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

export class DrainProgress {
  readonly #say: (line: string) => void;
  #told: number | undefined;
  #toldAt = -Infinity;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Call it with each answer of the scheduler; `now` in milliseconds since 1970. */
  note(stats: Pick<Stats, 'active' | 'parked' | 'bins'>, now: number): void {
    const left = stats.active + stats.parked;
    if (left === 0 || left === this.#told || now - this.#toldAt < QUIET_MS) return;
    this.#told = left;
    this.#toldAt = now;
    this.#say(`draining: ${left} message${left === 1 ? '' : 's'} left${nextAttempt(stats, now)}`);
  }
}

/** Of those bins that wait as a whole; while another has work to do, that is under way. */
function nextAttempt({ bins }: Pick<Stats, 'bins'>, now: number): string {
  if (bins.length === 0 || bins.some((bin) => bin.until === undefined && bin.waiting + bin.inDelivery > 0)) return '';
  const next = Math.min(...bins.map((bin) => bin.until ?? Infinity));
  return Number.isFinite(next) ? `, next attempt in ${inWords(next - now)}` : '';
}

function inWords(ms: number): string {
  const [unit, size] = STEPS.find(([, step]) => ms >= step) ?? ['s', 1000];
  return `${Math.max(1, Math.floor(ms / size))}${unit}`;
}
