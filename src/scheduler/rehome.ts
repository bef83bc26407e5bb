/**
 * Moves what waits to other bins: of tenants that are given lanes of their own, or lose them, and of a next hop whose site has just
 * become known. What is with workers stays there.
 */
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Bin, Bins, BinTenant } from './bins.ts';

export interface RehomeOptions {
  readonly bins: Bins;
  readonly index: Pick<WaitingIndex, 'moveBin'>;
  /** Ticks of the scheduler's clock. */
  readonly now: () => number;
  /** The bin has work, and may wait as a whole. */
  readonly onMoved: (bin: Bin) => void;
}

/** For these tenants, out of every bin. `change` gives or takes their lanes. */
export function rehomeTenants(tenants: readonly BinTenant[], change: () => void, options: RehomeOptions): void {
  const { bins } = options;
  const homes = [...bins.all()].flatMap((bin) =>
    tenants.filter((one) => bin.findLine(one)).map((one) => take(bin, one)),
  );
  change();
  for (const moving of homes) {
    const { until, troubles, trouble } = moving.bin;
    const home = bins.of(moving.bin.hop, moving.tenant);
    // The next hop is no better than it was.
    if (until > options.now() && until > home.until) Object.assign(home, { until, troubles, trouble });
    settle(moving, options);
  }
}

/** All that waits in a bin whose hop leads to others by now. Its trouble may have been that of its domain alone: it stays behind. */
export function rehomeBin(bin: Bin, options: RehomeOptions): void {
  const moving = [...bin.lines].map(({ tenant }) => take(bin, tenant));
  for (const one of moving) settle(one, options);
}

type Moving = ReturnType<typeof take>;

function take(bin: Bin, tenant: BinTenant) {
  const key = bin.lineOf(tenant).key;
  tenant.stalled.delete(bin);
  return { bin, tenant, key, ...bin.empty(tenant) };
}

function settle({ bin, tenant, key, parts, parked }: Moving, { bins, index, onMoved }: RehomeOptions): void {
  const home = bins.of(bin.hop, tenant);
  for (const part of parts) home.push(part, tenant);
  const line = home.lineOf(tenant);
  if (parked > 0) index.moveBin(key, line.key);
  home.setParked(line, line.parked + parked);
  onMoved(home);
  bins.tidy(home);
  bins.tidy(bin);
}
