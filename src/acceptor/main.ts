/** The acceptor's process. */
import { runWorker } from '../process/worker.ts';
import { startAcceptor } from './acceptor.ts';

runWorker(startAcceptor);
