/** The log process: see writer.ts. */
import { runWorker } from '../process/worker.ts';
import { startLog } from './writer.ts';

runWorker((worker) => startLog(worker));
