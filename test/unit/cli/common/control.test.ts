import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { run, type Ran } from '../../../support/run.ts';
import { makeTemp } from '../../../support/temp.ts';

/** Runs `mailfarm` against a supervisor that answers as told; undefined closes the connection. */
async function ask(
  t: TestContext,
  answer: string | undefined,
  ...args: readonly string[]
): Promise<{ readonly ran: Ran; readonly asked: string }> {
  const dir = makeTemp('control');
  mkdirSync(path.join(dir, 'run'));
  let asked = '';
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      asked += chunk.toString();
      if (answer === undefined) socket.destroy();
      else socket.end(answer);
    });
  });
  server.listen(path.join(dir, 'run', 'control.sock'));
  await once(server, 'listening');
  t.after(() => server.close());
  return { ran: await run('bin/mailfarm', ['--var', dir, ...args]), asked };
}

test('the question is one line of JSON', async (t) => {
  const { ran, asked } = await ask(t, '{"ok":true}\n', 'resize', 'smtp', '2:6');
  assert.equal(ran.status, EX.OK);
  assert.equal(asked, '{"verb":"resize","farm":"smtp","least":2,"most":6}\n');
  assert.match(ran.stdout, /^smtp: at least 2, at most 6 workers/);
});

test('a refusal is told', async (t) => {
  const { ran } = await ask(t, '{"ok":false,"why":"not\\u001b[2J now"}\n', 'resize', 'smtp', '2');
  assert.equal(ran.status, EX.UNAVAILABLE);
  assert.match(ran.stderr, /^mailfarm: not \[2J now\n$/);
  const json = await ask(t, '{"ok":false,"why":"no"}\n', 'resize', 'smtp', '2', '--json');
  assert.equal(json.ran.stdout, '{"ok":false,"why":"no"}\n');
});

test('problems of a reload are told one a line', async (t) => {
  const { ran } = await ask(t, '{"ok":false,"why":"wrong","problems":["a.yaml:1: x","b.yaml:2: y"]}\n', 'reload');
  assert.equal(ran.status, EX.CONFIG);
  assert.match(ran.stderr, /goes on with the one it has\na\.yaml:1: x\nb\.yaml:2: y\n$/);
});

test('answers that are none are trouble that may pass', async (t) => {
  for (const answer of [undefined, '', 'no json\n', '[]\n', 'null\n', '{"ok":1}\n', '{"ok":false}\n']) {
    const { ran } = await ask(t, answer, 'reload');
    assert.equal(ran.status, EX.TEMPFAIL, answer);
    assert.match(ran.stderr, /^mailfarm: the supervisor does not answer: /);
  }
});

test('a status of another version is told, not guessed at', async (t) => {
  const { ran } = await ask(t, '{"ok":true,"version":"9"}\n', 'status');
  assert.equal(ran.status, EX.UNAVAILABLE);
  assert.match(ran.stderr, /another version/);
});
