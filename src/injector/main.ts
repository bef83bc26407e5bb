/** The injector process; its one argument is the mode. */
import { runWorker } from '../process/worker.ts';
import { MODES, startInjector } from './start.ts';

const mode = MODES.find((word) => word === process.argv[2]);
if (mode === undefined) throw new Error(`the injector's mode is one of ${MODES.join(', ')}`);
runWorker((worker) => startInjector(worker, mode));
