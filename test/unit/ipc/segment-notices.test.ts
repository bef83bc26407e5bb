import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { socketPath } from './support.ts';

describe('notices of segments', () => {
  it('keep a command until they are sent or given up, though it has nothing else to wait for', async () => {
    const script = `
      const { SegmentNotices } = await import('${import.meta.dirname}/../../../src/ipc/segment-notices.ts');
      const self = { t: 'hello', v: 1, farm: 'cli', worker: 'cli-1', pid: 1 };
      const notices = new SegmentNotices({ address: ${JSON.stringify(socketPath())}, self, log: { debug() {} } });
      notices.post('journal/x', 1, []);
      await notices.settle(Date.now() + 1500);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});
