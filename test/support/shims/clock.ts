/** The clocks of a farm, in the hands of a test: see clock.mjs. Give `env` to startFarm(), then move them. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemp } from '../temp.ts';

export interface TestClock {
  readonly env: Readonly<Record<string, string>>;
  /** Sets the time of day to so many ms from the real one. */
  step(ms: number): void;
  /** Lets so much more time pass, for every clock of the farm. */
  lapse(ms: number): void;
}

export function makeTestClock(): TestClock {
  const folder = makeTemp('clock');
  const file = join(folder, 'clock');
  let stepped = 0;
  let lapsed = 0;
  const write = (): void => {
    // Whole or not at all: the farm reads it at any moment.
    writeFileSync(`${file}.new`, `${stepped} ${lapsed}`, { mode: 0o644 });
    renameSync(`${file}.new`, file);
  };
  write();
  return {
    env: { MAILFARM_TEST_CLOCK: file, NODE_OPTIONS: `--import=${new URL('clock.mjs', import.meta.url).href}` },
    step(ms) {
      stepped = ms;
      write();
    },
    lapse(ms) {
      lapsed += ms;
      write();
    },
  };
}
