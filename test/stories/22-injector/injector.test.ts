/** The injector after a restart: what was never routed goes to the router, what waits goes to the scheduler; and queue files to look at. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { makeFolders, startFarm, type FarmOptions, type Folders } from '../../support/farm.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

function options(folders: Folders, sink: Sink): FarmOptions {
  return {
    folders,
    set: [
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'retry.times=[1h]',
      'farms.router.least=1',
      'farms.router.most=1',
    ],
  };
}

/** Files of messages in the tree. */
function treeFiles(folders: Folders): string[] {
  const mess = join(folders.var, 'queue', 'mess');
  return readdirSync(mess, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^[^/]+\/[^/.]+$/.test(name))
    .map((name) => join(mess, name));
}

describe('the injector', () => {
  it('hands on to the router what was not routed, to the scheduler what was, each once, and exits', async () => {
    const folders = makeFolders();
    try {
      let open = false;
      await using sink = await startSink({ onMail: () => (open ? undefined : '451 4.3.2 later') });
      const waiting: string[] = [];
      const unrouted: string[] = [];
      {
        await using farm = await startFarm(options(folders, sink));
        const to = ['bob@far.example'];
        waiting.push(...(await sendMail({ port: farm.port, to, count: 30, prefix: 'waiting' })).accepted);
        // On disk, that is: an attempt is logged before its outcome is safe.
        const deferred = async (): Promise<number> =>
          Number((await farm.queueCli(['count', '--state', 'deferred'])).stdout);
        await waitFor(async () => (await deferred()) === 30, { what: () => `30 outcomes\n${farm.tail()}` });
        signal((await farm.worker('router')).pid, 'SIGSTOP');
        unrouted.push(...(await sendMail({ port: farm.port, to, count: 20, prefix: 'unrouted' })).accepted);
        await farm.killAll();
      }
      open = true;
      await using farm = await startFarm(options(folders, sink));
      const { injected } = await farm.waitForLog((line) => line.event === 'injection-done' && line['injected'] === 50);
      assert.equal(injected, 50);
      // A line may come twice, where the log was slow to say that it has it.
      const lines = farm.logLines().filter((line) => line.event === 'injected');
      const whole = (line: LogLine): string => `${line.id} ${String(line['to'])} ${String(line['where'])}`;
      const stages = [...new Map(lines.toReversed().map((line) => [whole(line), line])).values()].toReversed();
      const count = (to: string): number => stages.filter((line) => line['to'] === to).length;
      assert.deepEqual([count('scheduler'), count('router')], [30, 20], farm.tail());
      const handedOn = stages.filter((line) => line['to'] !== 'nobody');
      const places = handedOn.map((line) => String(line['where']));
      assert.deepEqual(places, places.toSorted(), 'journals come before the tree');
      const inTree = stages.filter((line) => line['where'] === 'tree').map((line) => String(line['id']));
      assert.ok(inTree.length >= 30);
      assert.deepEqual(inTree, inTree.toSorted(), 'the oldest come first');
      await waitFor(() => unrouted.every((id) => sink.counts().has(id)), { what: () => `new mail\n${farm.tail()}` });
      await waitFor(() => farm.workers('injector').length === 0, { what: 'the injector to exit' });
      assert.ok(
        waiting.every((id) => !sink.counts().has(id)),
        'what waits for its hour still waits',
      );
      assert.equal((await farm.queueCli(['retry', '--all'])).status, 0);
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        [...waiting, ...unrouted].filter((id) => counts.get(id) !== 1),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });
});

describe('a message in the queue', () => {
  it('is one file: a line of JSON, then the message as it came, byte for byte', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink({ onMail: () => '451 4.3.2 later' });
      await using farm = await startFarm(options(folders, sink));
      const content = makeContent('one', { body: '.dots\r\n..more dots\r\n\r\nGrüße\r\n' });
      await sendMail({ port: farm.port, to: ['bob@far.example', 'eve@far.example'], content: () => content });
      const file = await waitFor(() => treeFiles(folders)[0], { what: () => `a file\n${farm.tail()}` });
      const whole = readFileSync(file);
      const end = whole.indexOf('\n');
      const first = JSON.parse(whole.toString('utf8', 0, end)) as Record<string, unknown>;
      assert.match(JSON.stringify(first), /"sender@test\.example".*"bob@far\.example".*"eve@far\.example"/);
      const message = whole.subarray(end + 1);
      assert.match(message.toString('latin1'), /^Received: from /);
      assert.ok(message.includes(Buffer.from(content)), 'nothing was changed');
      assert.equal(message.lastIndexOf('X-Test-Id'), message.indexOf('X-Test-Id'));
    } finally {
      removeTemp(folders.root);
    }
  });
});
