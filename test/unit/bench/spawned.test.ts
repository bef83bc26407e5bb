/** A peer as a process: it is waited for, stopped or killed as a whole, and never outlives the benchmark. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { spawnPeer } from '../../bench/peers/spawned.ts';
import { sampleTree } from '../../bench/process-tree.ts';
import { findFreePorts } from '../../stories/support/free-ports.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

/** Greets, and has a child. */
const SERVER = `
const child = require('node:child_process').spawn('sleep', ['60']);
process.on('SIGTERM', () => process.exit(child.kill() ? 0 : 1));
require('node:net').createServer((socket) => socket.on('error', () => {}).end('220 hello\\r\\n')).listen(process.argv[1], '127.0.0.1');
`;
const MODULE = join(import.meta.dirname, '../../bench/peers/spawned.ts');

describe('spawnPeer', () => {
  const folder = makeTemp('spawned');
  const output = join(folder, 'output');
  after(() => removeTemp(folder));

  for (const way of ['stop', 'kill'] as const) {
    it(`waits for the greeting, and ends it with all its children: ${way}`, async () => {
      const [port = 0] = await findFreePorts(1);
      const peer = await spawnPeer({ command: [process.execPath, '-e', SERVER, String(port)], port, output });
      const tree = [...sampleTree(peer.pid).processes.keys()];
      assert.equal(tree.length, 2);
      await peer[way]();
      assert.deepEqual(tree.filter(isRunning), []);
    });
  }

  it('tells what was printed when it does not come up', async () => {
    const [port = 0] = await findFreePorts(1);
    const command = [process.execPath, '-e', 'throw new Error("no luck")'] as const;
    await assert.rejects(spawnPeer({ command: [...command], port, output }), /no luck/);
    await assert.rejects(spawnPeer({ command: ['/no/such/program'], port, output }), /cannot be started/);
  });

  it('does not outlive the process that started it, even when that is killed', async () => {
    const [port = 0] = await findFreePorts(1);
    const script = `
      const { spawnPeer } = await import(${JSON.stringify(MODULE)});
      const command = [process.execPath, '-e', ${JSON.stringify(SERVER)}, '${port}'];
      const { pid } = await spawnPeer({ command, port: ${port}, output: ${JSON.stringify(output)} });
      console.log('pid', pid);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let said = '';
      parent.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const pid = await waitFor(() => /pid (\d+)\n/.exec(said)?.[1], { what: () => `a pid: ${said}` });
      const tree = [...sampleTree(Number(pid)).processes.keys()];
      assert.ok(tree.length > 0 && tree.every(isRunning));
      signal(parent.pid ?? 0, 'SIGKILL');
      await waitFor(() => !tree.some(isRunning), {
        what: () => `the end of ${tree.join()}; ${readFileSync(output, 'utf8')}`,
      });
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
