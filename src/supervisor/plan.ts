/**
 * What a farm should do next, from what it has: a pure function that the farm calls after every change until nothing
 * is left to do. New workers come before old ones go, so that a farm is never short of ready workers by our doing.
 */

export interface MemberView {
  readonly ready: boolean;
  readonly draining: boolean;
  /** To be replaced: did its share of jobs, or runs with an old configuration. */
  readonly worn: boolean;
}

export interface Plan<M> {
  readonly start: number;
  readonly drain: readonly M[];
}

/** `members` in the order of their start. `alone`: never two at once, so nothing is replaced here. */
export function planFarm<M extends MemberView>(members: readonly M[], wanted: number, alone = false): Plan<M> {
  const staying = members.filter((member) => !member.draining);
  if (alone) return { start: members.length === 0 ? wanted : 0, drain: wanted === 0 ? staying : [] };
  if (staying.length < wanted) return { start: wanted - staying.length, drain: [] };
  const ready = staying.filter((member) => member.ready);
  const spare = Math.max(0, ready.length - wanted);
  const byWear = [...ready.filter((member) => member.worn), ...ready.filter((member) => !member.worn)];
  if (spare > 0) return { start: 0, drain: byWear.slice(0, spare) };
  const replace = staying.some((member) => member.worn) && staying.length === wanted && ready.length === wanted;
  return { start: replace ? 1 : 0, drain: [] };
}
