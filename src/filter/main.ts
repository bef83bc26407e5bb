/** The content filter's process: see filter-role.ts. */
import { runWorker } from '../process/worker.ts';
import { startFilter } from './filter-role.ts';

runWorker(startFilter);
