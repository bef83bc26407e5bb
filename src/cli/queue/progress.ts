/** How far a working verb is, on a line of the terminal that is drawn over and over. Nothing at all where stderr is no terminal. */
import type { Output } from '../common/context.ts';

/** The line is drawn at most so often, in ms. */
const DRAW_MS = 100;
const BAR = 20;
const CLEAR = '\r\u001b[2K';
const SECOND = 1000;

export class Progress {
  readonly #out: Output;
  readonly #what: string;
  readonly #on: boolean;
  #begun = performance.now();
  #drawnAt = -Infinity;
  #drawn = false;

  /** `what` is done, as `delete`. It is drawn on a terminal, where `wanted`. */
  constructor(out: Output, what: string, wanted: boolean) {
    this.#out = out;
    this.#what = what;
    this.#on = wanted && out.isTerminal;
  }

  get on(): boolean {
    return this.#on;
  }

  /** Messages that were looked through so far for those that are meant. */
  async looked(found: number): Promise<void> {
    if (this.#isTime()) await this.#draw(`${this.#what}: ${found} found`);
  }

  /** From now on the rate is measured. */
  begin(): void {
    this.#begun = performance.now();
  }

  /** `chosen` may be less than what comes: mail goes on coming in. */
  async update(done: number, chosen: number): Promise<void> {
    if (!this.#isTime()) return;
    const seconds = (performance.now() - this.#begun) / SECOND;
    await this.#draw(`${this.#what}: ${progressText({ done, chosen: Math.max(done, chosen), seconds })}`);
  }

  /** Makes room for a line of somebody else's, or for the prompt. */
  async clear(): Promise<void> {
    if (!this.#drawn) return;
    this.#drawn = false;
    this.#drawnAt = -Infinity;
    await this.#out.write(CLEAR);
  }

  #isTime(): boolean {
    return this.#on && performance.now() - this.#drawnAt >= DRAW_MS;
  }

  async #draw(text: string): Promise<void> {
    this.#drawnAt = performance.now();
    this.#drawn = true;
    const width = this.#out.columns ?? 80;
    await this.#out.write(`${CLEAR}${text.slice(0, Math.max(1, width - 1))}`);
  }
}

/** `1200 of 5000 [#####               ] 24 %, 400/s, 9s left`. */
export function progressText(at: { readonly done: number; readonly chosen: number; readonly seconds: number }): string {
  const { done, chosen, seconds } = at;
  const share = chosen === 0 ? 1 : done / chosen;
  const full = Math.floor(share * BAR);
  const bar = `[${'#'.repeat(full)}${' '.repeat(BAR - full)}]`;
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate > 0 && done < chosen ? `, ${leftText((chosen - done) / rate)} left` : '';
  return `${done} of ${chosen} ${bar} ${Math.floor(share * 100)} %, ${Math.round(rate)}/s${left}`;
}

function leftText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}m${whole % 60}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
