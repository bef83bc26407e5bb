/**
 * Loaded into every process of a farm with NODE_OPTIONS=--import: moves its clocks as the file named by MAILFARM_TEST_CLOCK says,
 * at any time, also while it runs. The file holds two numbers, in ms:
 *
 *     STEP LAPSE
 *
 * STEP is added to the time of day alone, as when somebody sets the clock. LAPSE passes for all clocks: time of day, monotonic
 * clock, and timers of a minute or more, which go off when so much time has passed. Shorter timers run in real time.
 */
import { readFileSync } from 'node:fs';

const file = process.env['MAILFARM_TEST_CLOCK'];
const RealDate = Date;
const realTime = Date.now;
const realMonotonic = performance.now.bind(performance);
const realSetTimeout = setTimeout;
const realClearTimeout = clearTimeout;
/** How long what the file said is believed, and how often long timers look, in ms. */
const FRESH_MS = 2;
const LOOK_MS = 25;
const LONG_MS = 60_000;

let read = -Infinity;
let step = 0;
let lapse = 0;

function look() {
  const now = realMonotonic();
  if (file === undefined || now - read < FRESH_MS) return;
  read = now;
  try {
    [step = 0, lapse = 0] = readFileSync(file, 'utf8').split(' ').map(Number);
  } catch {
    // Not written yet.
  }
}

function time() {
  look();
  return realTime() + step + lapse;
}

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(time());
    else super(...args);
  }

  static now() {
    return time();
  }
};

performance.now = () => {
  look();
  return realMonotonic() + lapse;
};

/** A real timer that looks often: what clearTimeout() and unref() know is the first of its handles, which goes on. */
globalThis.setTimeout = Object.assign(
  (callback, ms, ...args) => {
    if (!(ms >= LONG_MS)) return realSetTimeout(callback, ms, ...args);
    const until = performance.now() + ms;
    const timer = setInterval(() => {
      if (performance.now() < until) return;
      clearInterval(timer);
      callback(...args);
    }, LOOK_MS);
    return timer;
  },
  // util.promisify(setTimeout) finds what it needs.
  Object.fromEntries(Object.getOwnPropertySymbols(realSetTimeout).map((key) => [key, realSetTimeout[key]])),
);
globalThis.clearTimeout = (timer) => realClearTimeout(timer);
