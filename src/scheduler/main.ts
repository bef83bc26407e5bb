/** The scheduler process. There is exactly one. */
import { runWorker } from '../process/worker.ts';
import { startScheduler } from './start.ts';

runWorker(startScheduler);
