/**
 * Moves what waits for tenants that are given lanes of their own, or lose them: their bins are others from then on. What is with
 * workers stays there.
 */
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Bin, Bins, BinTenant } from './bins.ts';

export interface RehomeOptions {
  readonly bins: Bins;
  readonly index: Pick<WaitingIndex, 'moveBin'>;
  /** The bin has work, and may wait as a whole. */
  readonly onMoved: (bin: Bin) => void;
}

/** `change` gives or takes the lanes. */
export function rehome(tenants: readonly BinTenant[], change: () => void, options: RehomeOptions): void {
  const { bins, index, onMoved } = options;
  const homes = [...bins.all()].flatMap((bin) => {
    const lines = tenants.map((tenant) => bin.findLine(tenant)).filter((line) => line !== undefined);
    return lines.map((line) => ({ bin, line, ...bin.empty(line.tenant) }));
  });
  change();
  for (const { bin, line, parts, parked } of homes) {
    const { tenant } = line;
    tenant.stalled.delete(bin);
    const home = bins.of(bin.hop, tenant);
    const { until, troubles, trouble } = bin;
    // The next hop is no better than it was.
    if (until > home.until) Object.assign(home, { until, troubles, trouble });
    for (const part of parts) home.push(part, tenant);
    const there = home.lineOf(tenant);
    if (parked > 0) index.moveBin(line.key, there.key);
    home.setParked(there, there.parked + parked);
    onMoved(home);
    bins.tidy(home);
    bins.tidy(bin);
  }
}
