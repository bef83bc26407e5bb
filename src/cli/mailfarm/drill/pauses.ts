/** How long mail stood still around a kill: gaps between events, beyond what is normal in the same run. Pure. */

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The gap between two events that is in the middle when they are sorted; 0 for less than two events. */
export function medianGap(times: readonly number[]): number {
  const gaps = gapsOf(times)
    .map(({ from, to }) => to - from)
    .toSorted((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 0;
}

/**
 * How much longer than the median gap nothing happened within the span or from it on: the longest gap that touches the
 * span, counted from the span's beginning, for what was before is not its doing. `times` in order; undefined when no gap
 * touches it, as after the last event.
 */
export function pauseAround(times: readonly number[], span: Span): number | undefined {
  const touching = gapsOf(times).filter(({ from, to }) => from <= span.to && to >= span.from);
  if (touching.length === 0) return undefined;
  const longest = Math.max(...touching.map(({ from, to }) => to - Math.max(from, span.from)));
  return Math.max(0, longest - medianGap(times));
}

function gapsOf(times: readonly number[]): Span[] {
  return times.slice(1).map((to, at) => ({ from: times[at] ?? to, to }));
}
