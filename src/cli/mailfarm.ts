/** bin/mailfarm starts here. Arguments, environment and streams are read here and passed on. */
import { runMain } from './common/context.ts';
import { runMailfarm } from './mailfarm/command.ts';

await runMain(runMailfarm);
