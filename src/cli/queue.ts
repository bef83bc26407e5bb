/** bin/queue starts here. Arguments, environment and streams are read here and passed on. */
import { runMain } from './common/context.ts';
import { runQueue } from './queue/command.ts';

await runMain(runQueue);
