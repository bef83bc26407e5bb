/** Takes the lock in argv as a supervisor does, starts a child that inherits it, and says `locked CHILD`. */
import { spawn } from 'node:child_process';
import { takeLock } from '../../../src/process/lock.ts';

process.title = 'mailfarm: supervisor';
const locked = await takeLock(process.argv[2] ?? '', { waitMs: 0 });
if (locked.kind !== 'locked') throw new Error(locked.kind);
const child = spawn('sleep', ['120'], { stdio: ['ignore', 'ignore', 'ignore', locked.fd] });
process.stdout.write(`locked ${child.pid}\n`);
setInterval(() => {}, 60_000);
