/** Mail that is put into the queue on disk beside a farm of which not all is there. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { enqueue } from '../../../../src/cli/sendmail/enqueue.ts';
import { Spool } from '../../../../src/cli/sendmail/spool.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { makeHello } from '../../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../../src/ipc/listen.ts';
import { CONTROL_SOCKET, type ControlRequest } from '../../../../src/process/control.ts';
import { serveControl } from '../../../../src/supervisor/control-server.ts';
import { makeTemp } from '../../../support/temp.ts';

const home = process.cwd();

before(() => {
  process.chdir(makeTemp('enqueue'));
  for (const name of ['run', 'etc']) mkdirSync(name);
});

after(() => process.chdir(home));

test('an envelope that the queue could not read back is refused, and nothing is left of it', async () => {
  const loaded = await loadConfig({ etcDir: 'etc', varDir: process.cwd(), set: [] });
  assert.ok(loaded.ok);
  const recipients = Array.from({ length: 50_000 }, (_, n) => `${'x'.repeat(60)}@${n}.${'y'.repeat(40)}.test`);
  for (const size of [10, 2_000_000]) {
    const body = new Spool();
    await body.write(Buffer.from(`${'x'.repeat(size)}\r\n`));
    const message = { sender: 'a@b.test', recipients, header: Buffer.from('Subject: x\r\n\r\n'), body, dsn: {} };
    const report = await enqueue(message, { config: loaded.config, user: 'me', fields: [] });
    assert.equal(report.status, EX.TEMPFAIL);
    assert.match(report.lines.join(), /envelope of \w+ is longer than/);
    await body.close();
  }
  const left = readdirSync('queue', { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  assert.deepEqual(
    left.map(({ name }) => name).filter((name) => !name.startsWith('index.db')),
    [],
  );
});

test('what no router takes is asked after, once it is closed', async () => {
  const loaded = await loadConfig({ etcDir: 'etc', varDir: process.cwd(), set: [] });
  assert.ok(loaded.ok);
  const asked: ControlRequest[] = [];
  const control = await serveControl({
    path: CONTROL_SOCKET,
    answer: async (request) => (asked.push(request), { ok: true }),
    onError: () => undefined,
  });
  let handed = 0;
  const self = makeHello({ farm: 'router', worker: 'router-1' });
  const router = await listenForPeers({
    path: loaded.config.farms.router.socket,
    self,
    // Stopped, so to say: it has the message, and says nothing.
    onPeer: (peer) => (peer.onFrame = () => (handed += 1)),
  });
  const body = new Spool();
  await body.write(Buffer.from('hello\r\n'));
  const message = { sender: 'a@b.test', recipients: ['c@d.test'], header: Buffer.from('Subject: x\r\n\r\n'), body };
  const begun = Date.now();
  const report = await enqueue({ ...message, dsn: {} }, { config: loaded.config, user: 'me', fields: [] });
  assert.equal(report.status, 0);
  assert.equal(handed, 1);
  const [request] = asked;
  assert.ok(asked.length === 1 && request?.verb === 'recover' && request.since >= begun, JSON.stringify(asked));
  await router.close();
  control.close();
  await body.close();
});
