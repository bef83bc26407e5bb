/** The process of every transport farm: smtp, lmtp, maildir, bounce. */
import { runWorker } from '../process/worker.ts';
import { startTransport } from './transport.ts';

runWorker(startTransport);
