/** Waiting for a condition, the only way in which tests wait: it ends as soon as the condition holds. */

export interface WaitOptions {
  /** Milliseconds; default 60,000: a busy machine takes its time, and a wait that is over costs nothing. */
  readonly deadline?: number;
  /** What is waited for, for the message of the failure. */
  readonly what?: string | (() => string);
}

const PAUSE_MS = 10;

/** Resolves when a figure stayed the same over so many looks in a row; rejects when the deadline passes before. */
export async function waitForQuiet(
  figure: () => number,
  options: WaitOptions & { readonly looks?: number } = {},
): Promise<void> {
  const { looks = 50 } = options;
  let last = Number.NaN;
  let same = 0;
  await waitFor(() => {
    const now = figure();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= looks;
  }, options);
}

/** Resolves with the first value that is neither false nor undefined; rejects when the deadline passes before. */
export async function waitFor<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { deadline = 60_000, what = condition.toString() } = options;
  const until = performance.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value;
    if (performance.now() > until) {
      throw new Error(`not within ${deadline} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
