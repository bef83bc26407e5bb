/** Ctrl-C and its like, for a command that must not be cut off in its midst: it stops at the next good moment. */

/** Exit status after a signal, as a shell has it: 128 and the signal's number. */
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Name = keyof typeof STATUS;
const NAMES = Object.keys(STATUS) as Name[];

export interface Interrupt {
  /** Aborted by the first signal. The second one ends the process as ever. */
  readonly signal: AbortSignal;
  /** To exit with; undefined as long as nothing came. */
  status(): number | undefined;
  /** Signals end the process again. */
  release(): void;
}

export function catchInterrupt(): Interrupt {
  const controller = new AbortController();
  let got: Name | undefined;
  const release = (): void => {
    for (const name of NAMES) process.removeListener(name, note);
  };
  const note = (name: NodeJS.Signals): void => {
    got = name as Name;
    release();
    controller.abort();
  };
  for (const name of NAMES) process.on(name, note);
  return { signal: controller.signal, status: () => (got === undefined ? undefined : STATUS[got]), release };
}
