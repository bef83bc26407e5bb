/** bin/sendmail starts here. Arguments, environment and streams are read here and passed on. */
import { runMain } from './common/context.ts';
import { runSendmailSafely } from './sendmail/command.ts';

await runMain(runSendmailSafely);
