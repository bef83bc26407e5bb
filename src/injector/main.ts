/** The injector process; its arguments are the mode, and for orphans since when writers may have left any (ms since 1970). */
import { runWorker } from '../process/worker.ts';
import { MODES, startInjector } from './start.ts';

const mode = MODES.find((word) => word === process.argv[2]);
if (mode === undefined) throw new Error(`the injector's mode is one of ${MODES.join(', ')}`);
const since = Number(process.argv[3] ?? 0);
runWorker((worker) => startInjector(worker, { mode, since }));
