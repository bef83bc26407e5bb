/** How long mail stood still around a kill: gaps between events, beyond what is normal in the same run. Pure. */

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The time of one kill. */
export interface Span extends Gap {
  /** When the next kill came, whose doing is what follows. */
  readonly until?: number | undefined;
}

/** The gap between two events that is in the middle when they are sorted; 0 for less than two events. */
export function medianGap(times: readonly number[]): number {
  const gaps = gapsOf(times)
    .map(({ from, to }) => to - from)
    .toSorted((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 0;
}

/**
 * How much longer than the median gap nothing happened: the longest gap that touches the span, as far as it lies between the
 * span's beginning and the next kill. `times` in order; undefined when no gap touches it, as after the last event.
 */
export function pauseAround(times: readonly number[], span: Span): number | undefined {
  const touching = gapsOf(times).filter(({ from, to }) => from <= span.to && to >= span.from);
  if (touching.length === 0) return undefined;
  const { from: begin, until = Infinity } = span;
  const longest = Math.max(...touching.map(({ from, to }) => Math.min(to, until) - Math.max(from, begin)));
  return Math.max(0, longest - medianGap(times));
}

function gapsOf(times: readonly number[]): Gap[] {
  return times.slice(1).map((to, at) => ({ from: times[at] ?? to, to }));
}
