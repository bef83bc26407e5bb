/**
 * The filters of a configuration, by name. A new kind joins with one row here and its settings in src/config.
 */
import type { Config, Filter as Settings } from '../config/config.ts';
import type { Filter } from './filter.ts';
import { structureFilter } from './structure-filter.ts';
import type { StructurePool } from './structure-pool.ts';

/** What filters share. */
export interface Tools {
  readonly pool: StructurePool;
}

const KINDS: Readonly<Record<Settings['kind'], (name: string, settings: Settings, tools: Tools) => Filter>> = {
  structure: (name, settings, { pool }) => structureFilter(name, settings, pool),
};

export function buildFilters(filters: Config['filters'], tools: Tools): ReadonlyMap<string, Filter> {
  return new Map(
    Object.entries(filters).map(([name, settings]) => [name, KINDS[settings.kind](name, settings, tools)]),
  );
}
