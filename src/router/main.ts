/** The router's process. */
import { runWorker } from '../process/worker.ts';
import { startRouter } from './router.ts';

runWorker(startRouter);
