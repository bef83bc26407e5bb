/** mailfarm stop waits for the lock on var; here the lock is held by another program. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { Output } from '../../../../src/cli/common/context.ts';
import { longestStop, waitForStop } from '../../../../src/cli/mailfarm/stop.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { CONTROL_SOCKET } from '../../../../src/process/control.ts';
import { makeTemp } from '../../../support/temp.ts';

const home = process.cwd();
before(() => process.chdir(makeTemp('stop')));
after(() => process.chdir(home));

async function wait(
  limitMs: number,
  { json = false, onWait }: { readonly json?: boolean; readonly onWait?: () => void } = {},
): Promise<{ status: number; out: string; err: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  // Its first word is that it waits.
  if (onWait) out.once('readable', onWait);
  const context = {
    argv: [],
    env: {},
    cwd: home,
    stdin: new PassThrough(),
    out: new Output(out),
    err: new Output(err),
  };
  const status = await waitForStop({ context, json, var: '/var/here', limitMs });
  return { status, out: String(out.read() ?? ''), err: String(err.read() ?? '') };
}

test('while workers hold the lock it is not stopped, and afterwards it is', async () => {
  // -o: the program that it runs has no lock, and flock lets go when it ends.
  const holder = spawn('flock', ['-o', 'lock', 'sh', '-c', 'echo held; read line'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(holder.stdout, 'data');
  const late = await wait(300);
  assert.equal(late.status, EX.TEMPFAIL);
  assert.match(late.err, /^mailfarm: the farm still finishes what it holds\n$/);
  const done = await wait(60_000, { onWait: () => holder.stdin.end() });
  assert.equal(done.status, EX.OK, done.err);
  assert.equal(
    done.out,
    'the farm finishes what it holds; waiting for the lock on /var/here, 60 seconds at most\nstopped\n',
  );
});

test('a farm that still answers has not stopped, though nobody holds the lock', async () => {
  mkdirSync('run');
  let ends = false;
  const server = net
    .createServer((socket) => {
      socket.destroy();
      if (ends) server.close();
    })
    .listen(CONTROL_SOCKET);
  await once(server, 'listening');
  assert.equal((await wait(300)).status, EX.TEMPFAIL);
  // Asked once more, it answers, and is gone then.
  ends = true;
  assert.equal((await wait(60_000)).status, EX.OK);
});

test('--json prints one object at the end', async () => {
  const { status, out } = await wait(1000, { json: true });
  assert.deepEqual([status, JSON.parse(out)], [EX.OK, { ok: true, stopped: true }]);
});

test('it waits as long as the longest drain, and what the supervisor adds', async () => {
  const loaded = await loadConfig({ etcDir: '.', varDir: '.', set: ['farms.smtp.drain=2m'] });
  assert.ok(loaded.ok);
  assert.equal(longestStop(loaded.config), 135_000);
  assert.equal(longestStop(undefined), 60_000);
});
