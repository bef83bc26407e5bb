import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MaildirDeliverer } from '../../../../../src/transport/channels/maildir/deliverer.ts';
import { DirectorySyncs } from '../../../../../src/transport/channels/maildir/directories.ts';
import { fileName } from '../../../../../src/transport/channels/maildir/names.ts';
import type { DeliveryResult } from '../../../../../src/transport/deliverer.ts';
import { makeTemp } from '../../../../support/temp.ts';
import { makeJob, makeMessage, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';
const TO = 'user@example.org';
const NAME = fileName(makeMessage(CONTENT), TO, 'h.test');

function setUp(next = 'example.org/user') {
  const root = join(makeTemp('maildir'), 'mail');
  const deliverer = new MaildirDeliverer({ root, hostname: 'h.test', syncs: new DirectorySyncs() });
  const maildir = join(root, 'example.org', 'user');
  const deliver = (to = [TO], message = makeMessage(CONTENT)): Promise<DeliveryResult> =>
    deliverer.deliver(makeJob(to, { next }), message);
  const list = (folder: string): string[] => readdirSync(join(maildir, folder)).toSorted();
  return { root, maildir, deliver, list };
}

describe('delivery to a Maildir', () => {
  it('makes it where it is missing, private', async () => {
    const { deliver, list, maildir, root } = setUp();
    const result = await deliver();
    assert.deepEqual(summarise(result), { [TO]: 'delivered 250 2.0.0' });
    await result.whenDurable?.();
    assert.deepEqual([list('new'), list('tmp'), list('cur')], [[NAME], [], []]);
    assert.equal(
      readFileSync(join(maildir, 'new', NAME), 'latin1'),
      `Return-Path: <sender@test.example>\nDelivered-To: ${TO}\nSubject: x\n\nhello\n`,
    );
    for (const path of [root, join(root, 'example.org'), maildir, join(maildir, 'new')])
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    assert.equal(statSync(join(maildir, 'new', NAME)).mode & 0o777, 0o600);
  });

  it('streams what is not in memory', async () => {
    const { deliver, maildir } = setUp();
    const content = `Subject: x\r\n\r\n${'a line\r\n'.repeat(10_000)}`;
    await deliver([TO], makeMessage(content, {}, false));
    const text = readFileSync(join(maildir, 'new', NAME), 'latin1');
    assert.ok(text.endsWith(content.replaceAll('\r\n', '\n')));
  });

  it('gives each recipient a copy of its own', async () => {
    const { deliver, list } = setUp();
    const result = await deliver([TO, 'user+x@example.org']);
    assert.equal(Object.keys(summarise(result)).length, 2);
    assert.equal(list('new').length, 2);
  });

  it('takes many at once', async () => {
    const { deliver, list } = setUp();
    const recipients = Array.from({ length: 30 }, (_, n) => `user+${n}@example.org`);
    const results = await Promise.all(recipients.map((recipient) => deliver([recipient])));
    assert.ok(results.every(({ verdicts }) => verdicts[0]?.state === 'delivered'));
    assert.equal(list('new').length, 30);
  });

  it('refuses names that lead elsewhere', async () => {
    const { deliver, root } = setUp('../user');
    assert.deepEqual(summarise(await deliver()), { [TO]: 'failed 550 5.1.3' });
    assert.ok(!existsSync(root));
  });
});

describe('a delivery that is done again', () => {
  it('finds the message in new', async () => {
    const { deliver, list } = setUp();
    await deliver();
    const again = await deliver();
    await again.whenDurable?.();
    assert.equal(summarise(again)[TO], 'delivered 250 2.0.0');
    assert.deepEqual([list('new'), list('tmp')], [[NAME], []]);
  });

  it('finds the message in cur, where a reader put it', async () => {
    const { deliver, list, maildir } = setUp();
    await deliver();
    renameSync(join(maildir, 'new', NAME), join(maildir, 'cur', `${NAME}:2,S`));
    const again = await deliver();
    await again.whenDurable?.();
    assert.deepEqual([list('new'), list('cur'), list('tmp')], [[], [`${NAME}:2,S`], []]);
  });

  it('finds the message in new also without the mark in tmp', async () => {
    const { deliver, list, maildir } = setUp();
    await (await deliver()).whenDurable?.();
    writeFileSync(join(maildir, 'tmp', 'other'), '');
    await deliver();
    assert.deepEqual(list('new'), [NAME]);
  });

  it('starts over where it was cut short before', async () => {
    const { deliver, list, maildir } = setUp();
    mkdirSync(join(maildir, 'tmp'), { recursive: true, mode: 0o700 });
    writeFileSync(join(maildir, 'tmp', NAME), 'half a mess');
    assert.equal(summarise(await deliver())[TO], 'delivered 250 2.0.0');
    assert.deepEqual(list('new'), [NAME]);
    assert.match(readFileSync(join(maildir, 'new', NAME), 'latin1'), /hello\n$/);
  });

  it('does not take a link that a stranger made for its mark', async () => {
    const { deliver, maildir } = setUp();
    mkdirSync(join(maildir, 'tmp'), { recursive: true, mode: 0o700 });
    const victim = join(makeTemp('victim'), 'file');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(maildir, 'tmp', NAME));
    assert.equal(summarise(await deliver())[TO], 'delivered 250 2.0.0');
    assert.equal(readFileSync(victim, 'latin1'), 'precious');
    linkSync(victim, join(maildir, 'tmp', 'x'));
  });
});

describe('a Maildir that is not as it should be', () => {
  for (const part of ['example.org', 'example.org/user', 'example.org/user/new', 'example.org/user/tmp']) {
    it(`defers where ${part} is a symbolic link`, async () => {
      const { deliver, root } = setUp();
      await deliver();
      const elsewhere = makeTemp('elsewhere');
      const path = join(root, part);
      rmSync(path, { recursive: true });
      symlinkSync(elsewhere, path);
      const result = await deliver();
      assert.equal(summarise(result)[TO], 'deferred 451 4.3.5');
      assert.deepEqual(readdirSync(elsewhere), []);
    });
  }

  it('defers where a file stands in its place', async () => {
    const { deliver, root } = setUp();
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'example.org'), '');
    assert.equal(summarise(await deliver())[TO], 'deferred 451 4.3.5');
  });

  it(
    'defers, and leaves nothing, where it may not write',
    { skip: process.getuid?.() === 0 && 'root may write anywhere' },
    async () => {
      const { deliver, maildir, list } = setUp();
      await (await deliver([TO])).whenDurable?.();
      chmodSync(join(maildir, 'new'), 0o500);
      const result = await deliver(['user+2@example.org']);
      chmodSync(join(maildir, 'new'), 0o700);
      assert.equal(result.verdicts[0]?.reply.status, '4.3.0');
      assert.notEqual(result.trouble, undefined);
      assert.deepEqual(list('tmp'), []);
    },
  );

  it('defers with 4.3.0 where the message cannot be read to its end', async () => {
    const { deliver, list } = setUp();
    const message = makeMessage(CONTENT, {}, false);
    const stream = () =>
      message.stream().on('data', function fail(this: { destroy(error: Error): void }) {
        this.destroy(Object.assign(new Error('EIO'), { code: 'EIO' }));
      });
    const result = await deliver([TO], { ...message, stream });
    assert.equal(summarise(result)[TO], 'deferred 451 4.3.0');
    assert.deepEqual([list('new'), list('tmp')], [[], []]);
  });
});

describe('DirectorySyncs', () => {
  it('shares a sync among those who asked while one ran, and tells all of a failure', async () => {
    const syncs = new DirectorySyncs();
    const path = makeTemp('sync');
    const first = syncs.sync(path);
    const second = syncs.sync(path);
    assert.equal(syncs.sync(path), second);
    assert.notEqual(first, second);
    await Promise.all([first, second]);
    const gone = join(path, 'gone');
    const failed = await Promise.allSettled([syncs.sync(gone), syncs.sync(gone), syncs.sync(gone)]);
    assert.deepEqual(
      failed.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    mkdirSync(gone);
    await syncs.sync(gone);
  });
});
