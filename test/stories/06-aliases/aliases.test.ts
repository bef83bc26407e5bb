/** Aliases: lists, loops, the postmaster, a reload under way, and lines that no alias file may hold. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir, readMaildir } from '../../support/maildir.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const LOCAL = ['domains.local=[localhost]', 'mailboxes=[anna, bob, carl]'];

function box(farm: Farm, user: string): string {
  return join(farm.var, 'mail', 'localhost', user);
}

function waitForBox(farm: Farm, user: string, count = 1): Promise<unknown> {
  return waitFor(() => countMaildir(box(farm, user)) >= count, { what: () => `${count} for ${user}\n${farm.tail()}` });
}

describe('aliases', () => {
  it('reach everybody on the list once, here and elsewhere', async () => {
    await using sink = await startSink();
    const aliases = 'team: anna, bob, Extra\nextra: bob, carl, dora@far.example\npostmaster: anna\n';
    const routes = `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`;
    await using farm = await startFarm({ set: [...LOCAL, routes], etc: { aliases } });
    const sent = await sendMail({ port: farm.port, from: 'anna@localhost', to: ['team@localhost', 'bob@localhost'] });
    assert.deepEqual(sent.accepted, ['m-0']);
    await farm.drained();
    for (const user of ['anna', 'bob', 'carl']) assert.equal(countMaildir(box(farm, user)), 1, user);
    assert.deepEqual(
      sink.ledger.map((one) => one.to),
      [['dora@far.example']],
    );
    await sendMail({ port: farm.port, to: ['postmaster@localhost'] });
    await waitForBox(farm, 'anna', 2);
  });

  it('that lead in a circle are told to the sender, and other recipients get their mail', async () => {
    await using farm = await startFarm({ set: LOCAL, etc: { aliases: 'loop: pool\npool: loop, bob\n' } });
    await sendMail({ port: farm.port, from: 'anna@localhost', to: ['loop@localhost', 'carl@localhost'] });
    await waitForBox(farm, 'carl');
    await waitForBox(farm, 'anna');
    const bounce = readMaildir(box(farm, 'anna'))[0]?.content.toString() ?? '';
    assert.match(bounce, /^Final-Recipient: rfc822; ?loop@localhost\r?$/im);
    assert.match(bounce, /^Status: 5\.4\.6\r?$/im);
    await farm.drained();
    assert.equal(countMaildir(box(farm, 'bob')), 0);
  });

  it('run no command and write no file: such lines are left out, and said to be', async () => {
    await using folders = await startFarm({ set: LOCAL, etc: { aliases: 'good: bob\n' } });
    const mark = join(folders.folders.root, 'mark');
    await folders.stop();
    const aliases = `evil: "|touch ${mark}"\nfile: ${mark}\nincl: :include:/etc/passwd\nnonsense\ngood: bob\n`;
    await using farm = await startFarm({ set: LOCAL, etc: { aliases } });
    for (const name of ['evil', 'file', 'incl']) {
      const sent = await sendMail({ port: farm.port, to: [`${name}@localhost`] });
      assert.equal(sent.refused[0]?.answer.code, 550, name);
    }
    await sendMail({ port: farm.port, to: ['good@localhost'] });
    await waitForBox(farm, 'bob');
    assert.equal(existsSync(mark), false);
    const said = `${farm.stderr}${farm
      .logLines()
      .map((line) => JSON.stringify(line))
      .join('\n')}`;
    for (const line of [1, 2, 3, 4]) assert.match(said, new RegExp(`aliases:${line}: `), `line ${line}`);
  });

  it('change with a reload', async () => {
    await using farm = await startFarm({ set: LOCAL, etc: { aliases: 'who: anna\n' } });
    await sendMail({ port: farm.port, to: ['who@localhost'] });
    await waitForBox(farm, 'anna');
    writeFileSync(join(farm.etc, 'aliases'), 'who: bob\nnew: carl\n');
    farm.signal('SIGHUP');
    await waitFor(async () => (await sendMail({ port: farm.port, to: ['new@localhost'] })).accepted.length > 0, {
      what: () => `the new alias\n${farm.tail()}`,
    });
    await waitForBox(farm, 'carl');
    await sendMail({ port: farm.port, to: ['who@localhost'] });
    await waitForBox(farm, 'bob');
    await farm.drained();
    assert.equal(countMaildir(box(farm, 'anna')), 1);
  });

  it('are never taken for none: without its copy of the file no router and no acceptor starts', async () => {
    await using farm = await startFarm({ set: [...LOCAL, 'farms.acceptor.most=1'], etc: { aliases: 'who: anna\n' } });
    unlinkSync(join(farm.var, 'run', 'aliases'));
    for (const name of ['router', 'acceptor'] as const) process.kill((await farm.worker(name)).pid, 'SIGKILL');
    const sending = sendMail({ port: farm.port, to: ['who@localhost'] });
    for (const name of ['router', 'acceptor'] as const) {
      const crashed = await farm.waitForLog((line) => line.event === 'crashed' && line.farm === name);
      assert.match(String(crashed['why']), /no aliases to .*ENOENT.*run\/aliases/);
    }
    assert.equal((await farm.command('mailfarm', ['reload'])).status, 0);
    assert.deepEqual((await sending).accepted, ['m-0']);
    await waitForBox(farm, 'anna');
  });

  it('stop a start and a reload when their file is there and cannot be read', async () => {
    const folders = makeFolders();
    try {
      await using farm = await startFarm({ folders, set: LOCAL, etc: { aliases: 'who: anna\n' } });
      const file = join(farm.etc, 'aliases');
      unlinkSync(file);
      mkdirSync(file);
      const reloaded = await farm.command('mailfarm', ['reload']);
      assert.match(`${reloaded.status} ${reloaded.stderr}`, /^78 [^]*aliases: expected a file that can be read/);
      assert.deepEqual((await sendMail({ port: farm.port, to: ['who@localhost'] })).accepted, ['m-0']);
      await waitForBox(farm, 'anna');
      await farm.stop();
      const started = await farm.command('mailfarmd', ['--check']);
      assert.match(`${started.status} ${started.stderr}`, /^78 .*aliases: expected a file that can be read/);
    } finally {
      removeTemp(folders.root);
    }
  });

  it('expand once even when the router dies over and over', async () => {
    const names = Array.from({ length: 200 }, (_, n) => `user${n}`);
    await using farm = await startFarm({
      set: ['domains.local=[localhost]', 'farms.router.least=2'],
      etc: { aliases: `all: ${names.join(', ')}\n` },
    });
    const sending = sendMail({ port: farm.port, to: ['all@localhost'], count: 20, sessions: 4 });
    for (let n = 0; n < 3; n += 1) {
      const { pid } = await farm.worker('router');
      process.kill(pid, 'SIGKILL');
      await waitFor(() => farm.workers('router').some((worker) => worker.pid !== pid));
    }
    const { accepted } = await sending;
    await farm.drained();
    for (const name of names) assert.equal(countMaildir(box(farm, name)), accepted.length, name);
  });

  it('reach everybody, also when everything is killed in the middle', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const members = Array.from({ length: 20 }, (_, n) => `member${n}@far.example`);
      const options = {
        folders,
        set: [`routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'domains.local=[localhost]'],
        etc: {
          aliases: `all: half1, half2\nhalf1: ${members.slice(0, 12).join(', ')}\nhalf2: ${members.slice(8).join(', ')}\n`,
        },
      };
      const ledger = emptyLedger();
      {
        await using farm = await startFarm(options);
        let killing: Promise<void> | undefined;
        await sendMail({
          port: farm.port,
          to: ['all@localhost'],
          count: 300,
          sessions: 4,
          ledger,
          onAccepted: (count) => {
            if (count === 150) killing = farm.killAll();
          },
          stopWhen: () => killing !== undefined,
        });
        await killing;
      }
      await using farm = await startFarm(options);
      await farm.drained();
      const copies = sink.copies();
      const missing = ledger.accepted
        .flatMap((id) => members.map((to) => `${id} ${to}`))
        .filter((copy) => !copies.has(copy));
      assert.deepEqual(missing, []);
      const sent = new Set([...ledger.accepted, ...ledger.unsure]);
      assert.deepEqual(
        [...sink.counts().keys()].filter((id) => !sent.has(id)),
        [],
        'no phantoms',
      );
      const twice = [...copies.values()].filter((count) => count > 1).length;
      // 8 lanes with 2 messages each may have had their answer under way.
      assert.ok(twice <= 16 * members.length, `${twice} came twice`);
    } finally {
      removeTemp(folders.root);
    }
  });
});
