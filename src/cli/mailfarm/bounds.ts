/** The size of a farm on the command line: `4`, or `2:6` for at least 2 and at most 6 workers; and which farms have one. */
import { FARM_NAMES, type FarmName } from '../../config/config.ts';
import { FARMS } from '../../process/farms.ts';

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** As in farms.yaml. */
const MAX_WORKERS = 64;

/** There is always one log and one scheduler, and the injector comes and goes by itself. */
export const RESIZABLE: readonly FarmName[] = FARM_NAMES.filter((name) => !FARMS[name].single && !FARMS[name].once);

/** The bounds, or why it is none. */
export function parseBounds(text: string): Bounds | string {
  const match = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(text);
  if (!match) return `the size is a number of workers as 4, or least and most as 2:6, not ${JSON.stringify(text)}`;
  const least = Number(match[1]);
  const most = match[2] === undefined ? least : Number(match[2]);
  if (most < 1 || most > MAX_WORKERS) return `most must be 1 to ${MAX_WORKERS}`;
  return least > most ? 'least is above most' : { least, most };
}
