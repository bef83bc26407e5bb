/**
 * Loaded into every test file's process with --import: a file whose tests have ended, and which something it left behind still keeps
 * alive ten seconds later, fails and says what that is. The time of --test-timeout is for tests, not for files, and
 * --test-force-exit ends a file before all its results are told.
 */
import { after } from 'node:test';
import { isMainThread } from 'node:worker_threads';

const GRACE_MS = 10_000;

// A test's own children are given the same options.
if (isMainThread && process.argv[1]?.endsWith('.test.ts') === true) {
  after(() => {
    setTimeout(() => {
      process.stderr.write(
        `${process.argv[1]} has ended, but is kept alive by ${process.getActiveResourcesInfo().join(', ')}\n`,
      );
      process.exit(1);
    }, GRACE_MS).unref();
  });
}
