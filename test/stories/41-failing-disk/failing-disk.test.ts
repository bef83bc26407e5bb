/** A disk with errors (EIO): nothing that it said no to is promised or trusted, nothing is lost, the log says so, and all heals. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { makeTestDisk, type DiskRule, type TestDisk } from '../../support/shims/failing-disk.ts';
import { emptyLedger, sendMail, type SenderLedger } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const LARGE = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(2000)}`;

function options(disk: TestDisk, sink: Sink): FarmOptions {
  return {
    env: disk.env,
    set: [
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'retry.times=[1s]',
      'queue.inline=64KiB',
      'farms.acceptor.least=1',
      'farms.acceptor.most=1',
    ],
  };
}

function eio(op: string, path: string, done = false): DiskRule {
  return { op, path, code: 'EIO', done };
}

/** The answer to the end of one message. */
async function answerTo(port: number, id: string, large: boolean): Promise<number> {
  const session = await SmtpSession.open(port);
  const content = `X-Test-Id: ${id}\r\n${large ? LARGE : 'Subject: small\r\n\r\nsmall\r\n'}`;
  const { code } = await session.send('sender@test.example', ['bob@far.example'], content);
  session.quit();
  return code;
}

function expectWhole(farm: Farm, sink: Sink, ledger: SenderLedger): void {
  const counts = sink.counts();
  const lost = ledger.accepted.filter((id) => !counts.has(id));
  assert.deepEqual(lost, [], `lost\n${farm.tail()}`);
  const twice = [...counts].filter(([, count]) => count > 1);
  assert.deepEqual(twice, [], `twice\n${farm.tail()}`);
}

describe('an error of the disk', () => {
  it('while a message comes in is a 451, and the message is nowhere', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const disk = makeTestDisk();
      await using farm = await startFarm({ ...options(disk, sink), folders });
      const pids = (): number[] => farm.workers('acceptor').map((worker) => worker.pid);
      const before = pids();
      const cases: readonly [boolean, DiskRule][] = [
        [false, eio('writev', 'queue/journal/')],
        [false, eio('datasync', 'queue/journal/')],
        // The bytes are there, whole: the worst that a failed sync can leave.
        [false, eio('datasync', 'queue/journal/', true)],
        [false, eio('open', 'queue/journal/')],
        [false, eio('sync', 'queue/journal')],
        [true, eio('writev', 'queue/tmp/')],
        [true, eio('datasync', 'queue/tmp/')],
        [true, eio('datasync', 'queue/tmp/', true)],
        [true, eio('link', 'queue/mess/')],
        [true, eio('link', 'queue/mess/', true)],
        [true, eio('sync', 'queue/mess/')],
        [true, eio('sync', 'queue/mess/', true)],
      ];
      for (const [n, [large, rule]] of cases.entries()) {
        // One that is open was written to before; the last one was given up after its first failure.
        const opens = rule.op === 'open' || rule.op === 'sync';
        if (!large && !opens) assert.equal(await answerTo(farm.port, `before-${n}`, false), 250);
        if (!large && opens) {
          disk.fail(eio('datasync', 'queue/journal/'));
          assert.equal(await answerTo(farm.port, `refused-before-${n}`, false), 451);
        }
        disk.fail(rule);
        const id = `refused-${n}`;
        assert.equal(await answerTo(farm.port, id, large), 451, `${JSON.stringify(rule)}\n${farm.tail()}`);
        disk.fail();
        assert.equal(await answerTo(farm.port, `after-${n}`, large), 250, `heals: ${JSON.stringify(rule)}`);
      }
      await farm.drained();
      assert.deepEqual(pids(), before, 'no acceptor died');
      await farm.waitForLog((line) => line.level === 'error' && line.event === 'storage');
      await farm.killAll();
      // The next start reads what is on the disk.
      await using next = await startFarm({ ...options(disk, sink), folders });
      const starts = (): number => next.logLines().filter((line) => line.event === 'injection-done').length;
      await waitFor(() => starts() === 2, { what: () => `the injector\n${next.tail()}` });
      await next.drained();
      const came = [...sink.counts().keys()];
      assert.deepEqual(
        came.filter((id) => id.startsWith('refused')),
        [],
        'what was refused does not come to life',
      );
      assert.equal(came.filter((id) => id.startsWith('after')).length, cases.length);
    } finally {
      removeTemp(folders.root);
    }
  });

  it('while outcomes are written stops those deliveries, and forgets none', async () => {
    await using sink = await startSink();
    const disk = makeTestDisk();
    await using farm = await startFarm(options(disk, sink));
    const ledger = emptyLedger();
    for (const rule of [eio('writev', 'queue/outcome/'), eio('datasync', 'queue/outcome/')]) {
      disk.fail(rule);
      await sendMail({ port: farm.port, to: ['bob@far.example'], count: 30, sessions: 2, ledger, prefix: rule.op });
      await farm.waitForLog((line) => line.level === 'error' && line.event === 'outcome-journal');
      assert.notEqual(await farm.queued(), 0, 'what is not written down is not done');
      disk.fail();
      await farm.drained();
    }
    expectWhole(farm, sink, ledger);
  });

  it('while mail is read puts it off', async () => {
    await using sink = await startSink();
    const disk = makeTestDisk();
    await using farm = await startFarm(options(disk, sink));
    const ledger = emptyLedger();
    const workers = (): number[] => farm.workers('smtp').map((worker) => worker.pid);
    await farm.worker('smtp');
    const before = workers();
    for (const place of ['journal', 'mess']) {
      const content = (id: string): string => `X-Test-Id: ${id}\r\n${place === 'mess' ? LARGE : '\r\nsmall\r\n'}`;
      disk.fail(eio('read', `queue/${place}/`));
      await sendMail({ port: farm.port, to: ['bob@far.example'], count: 10, ledger, prefix: place, content });
      const unreadable = (): number =>
        farm.logLines().filter((line) => line.event === 'unreadable' && String(line['why']).includes(`/${place}/`))
          .length;
      await waitFor(() => unreadable() >= 10, { what: () => `ten that cannot be read\n${farm.tail()}` });
      assert.ok(![...sink.counts().keys()].some((id) => id.startsWith(place)), 'nothing went out half read');
      disk.fail();
      await farm.drained();
    }
    expectWhole(farm, sink, ledger);
    const now = new Set(workers());
    assert.deepEqual(
      before.filter((pid) => !now.has(pid)),
      [],
      'no transport worker died',
    );
  });

  it('while folders are read at a start is not an empty queue', async () => {
    const folders = makeFolders();
    try {
      let refuses = true;
      await using sink = await startSink({ onMail: () => (refuses ? '451 4.3.2 later' : undefined) });
      const disk = makeTestDisk();
      const ledger = emptyLedger();
      {
        await using farm = await startFarm({ ...options(disk, sink), folders });
        await sendMail({ port: farm.port, to: ['bob@far.example'], count: 10, ledger });
        await farm.waitForLog((line) => line.event === 'attempt' && line['state'] === 'deferred');
        await farm.killAll();
      }
      refuses = false;
      disk.fail(eio('readdir', 'queue/journal'), eio('opendir', 'queue/mess'));
      await using farm = await startFarm({ ...options(disk, sink), folders });
      await farm.waitForLog((line) => line.level === 'error' && line.event === 'injector-failed');
      assert.equal(await answerTo(farm.port, 'new', false), 250, 'new mail is served meanwhile');
      await waitFor(() => sink.counts().has('new'), { what: () => `new mail\n${farm.tail()}` });
      disk.fail();
      await farm.drained();
      expectWhole(farm, sink, ledger);
    } finally {
      removeTemp(folders.root);
    }
  });
});
