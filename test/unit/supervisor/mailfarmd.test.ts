import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startFarm, makeFolders, type Farm } from '../../support/farm.ts';
import { isRunning, listWorkers } from '../../support/processes.ts';
import { ROOT, run, type Ran, type RunOptions } from '../../support/run.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const AS_ROOT = process.getuid?.() === 0;

describe('mailfarmd, before it starts anything', () => {
  it('checks a configuration', async () => {
    const { etc, var: varDir } = makeFolders();
    const good = await run('bin/mailfarmd', ['--check', '--etc', etc, '--var', varDir]);
    assert.deepEqual([good.status, good.stdout, good.stderr], [0, 'ok\n', '']);
    writeFileSync(join(etc, 'mailfarm.yaml'), 'hostname: mx.example.org\nlimits:\n  recipients: many\nnonsense: 1\n');
    for (const args of [['--check'], []]) {
      const bad = await run('bin/mailfarmd', [...args, '--etc', etc, '--var', varDir]);
      assert.equal(bad.status, 78);
      assert.match(bad.stderr, /mailfarm\.yaml:3: limits\.recipients: /);
      assert.match(bad.stderr, /mailfarm\.yaml:4: nonsense/);
    }
  });

  it('checks the alias file, whose wrong lines stop a reload but no start', async () => {
    const { etc, var: varDir } = makeFolders();
    writeFileSync(join(etc, 'aliases'), 'anna: bob\nanna bob\n');
    const ran = await run('bin/mailfarmd', ['--check', '--etc', etc, '--var', varDir]);
    assert.deepEqual([ran.status, ran.stdout], [78, '']);
    assert.match(
      ran.stderr,
      /^\S+\/aliases:2: anna bob: expected .*\nall else is right: a start leaves these lines out/,
    );
  });

  it('tells of aliases that lead in a circle, and of a file that nobody reads; both are no mistake', async () => {
    const { etc, var: varDir } = makeFolders();
    writeFileSync(join(etc, 'aliases'), 'postmaster: abuse\nabuse: postmaster\n');
    rmSync(join(etc, 'mailfarm.yaml'));
    writeFileSync(join(etc, 'mailfarm.yml'), 'hostname: mx.example.org\n');
    const ran = await run('bin/mailfarmd', ['--check', '--etc', etc, '--var', varDir]);
    assert.deepEqual([ran.status, ran.stdout], [0, 'ok\n']);
    const [ending, circle] = ran.stderr.split('\n');
    assert.equal(ending, `mailfarmd: ${etc}/mailfarm.yml: is not read: the file has to be called mailfarm.yaml`);
    assert.equal(
      circle,
      'aliases: aliases lead in a circle, mail for them is bounced: postmaster -> abuse -> postmaster',
    );
  });

  it('checks that there is such a user', { skip: AS_ROOT ? false : 'needs root' }, async () => {
    const { etc, var: varDir } = makeFolders();
    const ran = await run('bin/mailfarmd', ['--check', '--etc', etc, '--var', varDir, '--set', 'user=no-such-user']);
    assert.deepEqual([ran.status, ran.stderr], [78, '--set user: there is no user no-such-user on this machine\n']);
  });

  it('checks that the user of the workers can read their keys', { skip: AS_ROOT ? false : 'needs root' }, async () => {
    const { etc, var: varDir } = makeFolders();
    const listener = "{ address: '127.0.0.1:0', tls: starttls, key: key.pem, cert: cert.pem }";
    writeFileSync(join(etc, 'mailfarm.yaml'), `user: nobody\nlisten:\n  - ${listener}\n`);
    for (const name of ['key.pem', 'cert.pem']) writeFileSync(join(etc, name), 'x', { mode: 0o600 });
    const ran = await run('bin/mailfarmd', ['--check', '--etc', etc, '--var', varDir]);
    assert.equal(ran.status, 78);
    const expected = "expected a file that the workers' user nobody can read, got key\\.pem";
    assert.match(ran.stderr, new RegExp(`mailfarm\\.yaml:3: listen\\.0\\.key: ${expected}`));
  });

  it('explains its usage', async () => {
    assert.match((await run('bin/mailfarmd', ['--help'])).stdout, /usage: mailfarmd/);
    assert.match((await run('bin/mailfarmd', ['--version'])).stdout, /^mailfarmd \d+\.\d+\.\d+/);
    assert.equal((await run('bin/mailfarmd', ['--nonsense'])).status, 64);
  });

  it('names an address that is taken, and what to do', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await waitFor(() => server.listening, { what: 'server' });
    const { port } = server.address() as net.AddressInfo;
    const { etc, var: varDir } = makeFolders();
    const args = ['--etc', etc, '--var', varDir, '--set', `listen.0.address=127.0.0.1:${port}`];
    const ran = await run('bin/mailfarmd', args);
    server.close();
    assert.equal(ran.status, 69);
    assert.match(ran.stderr, /listen\.0\.address: 127\.0\.0\.1:\d+: the address is in use: stop/);
  });

  it('refuses a queue that is a link', async () => {
    const { etc, var: varDir } = makeFolders();
    symlinkSync('/etc', join(varDir, 'queue'));
    const ran = await run('bin/mailfarmd', ['--etc', etc, '--var', varDir]);
    assert.equal(ran.status, 73);
    assert.match(ran.stderr, /symbolic link/);
  });

  it('says which folder it cannot write its files into', async () => {
    const { etc, var: varDir } = makeFolders();
    // The name under which the file is made is taken.
    mkdirSync(join(varDir, 'run/config.json.new'), { recursive: true });
    const ran = await run('bin/mailfarmd', ['--etc', etc, '--var', varDir, '--set', 'listen.0.address=127.0.0.1:0']);
    assert.equal(ran.status, 73, ran.stderr);
    assert.match(ran.stderr, /^mailfarmd: \S+\/run: .*config\.json\.new/);
  });

  it('refuses a user that is not there', { skip: AS_ROOT ? false : 'not root' }, async () => {
    const { etc, var: varDir } = makeFolders();
    const ran = await run('bin/mailfarmd', ['--etc', etc, '--var', varDir, '--set', 'user=no-such-user']);
    assert.equal(ran.status, 78);
    assert.match(ran.stderr, /no user no-such-user/);
  });
});

describe('the launchers', () => {
  it('work through links and from anywhere', async () => {
    const link = join(makeTemp(), 'mailfarmd');
    symlinkSync(`${ROOT}bin/mailfarmd`, link);
    const ran = await runAny(link, ['--version'], { cwd: '/' });
    assert.match(ran.stdout, /^mailfarmd \d/);
  });

  it('take the Node that npm ci brought, not an older one of the machine', async () => {
    const dir = makeTemp();
    // As Node 20 would: it answers what it is asked for its version, and could not run a line of ours.
    writeFileSync(join(dir, 'node'), '#!/bin/sh\necho false\n', { mode: 0o755 });
    for (const name of ['mailfarmd', 'mailfarm', 'queue', 'sendmail']) {
      const ran = await run(`bin/${name}`, ['--version'], { env: { PATH: `${dir}:/usr/bin:/bin` } });
      assert.equal(ran.status, 0, `${name}: ${ran.stderr}`);
      assert.match(ran.stdout, /\d+\.\d+\.\d+/, name);
    }
  });

  it('say what to do where there is no Node that is new enough', async () => {
    const dir = makeTemp();
    cpSync(`${ROOT}bin`, join(dir, 'bin'), { recursive: true });
    mkdirSync(join(dir, 'path'));
    writeFileSync(join(dir, 'path/node'), '#!/bin/sh\necho false\n', { mode: 0o755 });
    for (const name of ['mailfarmd', 'mailfarm', 'queue', 'sendmail']) {
      const ran = await runAny(join(dir, 'bin', name), [], { env: { PATH: `${dir}/path:/usr/bin:/bin` } });
      assert.equal(ran.status, 69, name);
      assert.match(ran.stderr, new RegExp(`^${name}: needs Node 24 or newer.*npm ci`));
    }
  });
});

/** As run(), for a command outside the checkout. */
function runAny(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  return run(relative(ROOT, command), args, options);
}

describe('a running farm', () => {
  let farm: Farm;
  before(async () => {
    farm = await startFarm();
  });
  after(() => farm[Symbol.asyncDispose]());

  it('tells its version, pid, addresses and var in one line', () => {
    const line = farm.stdout.split('\n')[0] ?? '';
    assert.match(line, /^mailfarmd: ready version=\d\S+ pid=\d+ listen=127\.0\.0\.1:\d+ var=\//);
    assert.match(farm.stdout, /send a first message: .*sendmail .*me@localhost/);
  });

  it('runs each worker under a telling title, and none as root', () => {
    const workers = listWorkers(farm.var).filter(({ name }) => name !== 'supervisor');
    for (const name of ['log', 'scheduler', 'router', 'acceptor'])
      assert.ok(
        workers.some((each) => each.farm === name),
        name,
      );
    for (const { pid, name } of workers) assert.notEqual(statSync(`/proc/${pid}`).uid, AS_ROOT ? -1 : 0, name);
  });

  it('refuses a second instance with the pid of the first; --drain leaves at once with 0', async () => {
    const args = ['--etc', farm.etc, '--var', farm.var];
    const second = await run('bin/mailfarmd', args);
    assert.equal(second.status, 75);
    assert.match(second.stderr, new RegExp(`another instance runs on .*: pid ${farm.pid}`));
    assert.equal((await run('bin/mailfarmd', [...args, '--drain'])).status, 0);
  });

  it('answers status on its control socket', async () => {
    const answer = await control(farm.var, '{"verb":"status"}');
    const { ok, pid, farms } = JSON.parse(answer) as {
      ok: boolean;
      pid: number;
      farms: { farm: string; workers: unknown[] }[];
    };
    assert.deepEqual([ok, pid], [true, farm.pid]);
    assert.equal(farms.find((each) => each.farm === 'scheduler')?.workers.length, 1);
  });

  it('keeps what it has when the configuration is wrong at SIGHUP', async () => {
    writeFileSync(join(farm.etc, 'mailfarm.yaml'), 'limits: { recipients: many }\n');
    const answer = JSON.parse(await control(farm.var, '{"verb":"reload"}')) as { ok: boolean; problems: string[] };
    assert.equal(answer.ok, false);
    assert.match(answer.problems[0] ?? '', /limits\.recipients/);
    process.kill(farm.pid, 'SIGHUP');
    await waitFor(() => /mailfarm\.yaml:1: limits\.recipients: [^]* goes on with/.test(farm.stderr), {
      what: 'stderr',
    });
    rmSync(join(farm.etc, 'mailfarm.yaml'));
    process.kill(farm.pid, 'SIGHUP');
    assert.equal(isRunning(farm.pid), true);
  });

  it('leaves no worker behind when it is killed, and starts again on the same var', async () => {
    const workers = listWorkers(farm.var);
    process.kill(farm.pid, 'SIGKILL');
    await farm.ended;
    const again = await startFarm({ folders: farm.folders });
    assert.ok(workers.every(({ pid }) => !isRunning(pid)));
    process.kill(again.pid, 'SIGTERM');
    assert.equal(await again.ended, 0);
    assert.deepEqual(listWorkers(farm.var), []);
    assert.match(readFileSync(join(farm.var, 'lock'), 'utf8'), /^\d+\n$/);
  });

  it('drains an empty queue and leaves', async () => {
    const ran = await run('bin/mailfarmd', ['--drain', '--etc', farm.etc, '--var', farm.var]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^mailfarmd: ready .*listen= /);
    assert.match(ran.stdout, /^mailfarmd: drained delivered=0 bounced=0 waiting=0 held=0$/m);
  });
});

describe('a drain that waits for deferred mail', () => {
  it('says how much is left, and when the next attempt is', async () => {
    const folders = makeFolders();
    const env = { MAILFARM_ETC: folders.etc, MAILFARM_VAR: folders.var };
    const sent = await run('bin/sendmail', ['bob@dead.example'], { env, input: 'Subject: later\n\nx\n' });
    assert.equal(sent.status, 0, sent.stderr);
    await using farm = await startFarm({
      folders,
      args: ['--drain=all'],
      set: ['routes=[{match: dead.example, via: "smtp:[127.0.0.1]:9"}]'],
    });
    await waitFor(() => /^mailfarmd: draining: 1 message left, next attempt in \d+[sm]$/m.test(farm.stderr), {
      what: () => `a line on what is left\n${farm.tail()}`,
    });
  });
});

describe('a farm whose lock somebody removed', () => {
  it('stays the only one on its var', async () => {
    await using farm = await startFarm();
    rmSync(join(farm.var, 'lock'));
    const second = await run('bin/mailfarmd', ['--etc', farm.etc, '--var', farm.var]);
    assert.equal(second.status, 75);
    assert.match(second.stderr, /another instance runs on .*, whose lock somebody removed: stop it/);
    assert.equal((JSON.parse(await control(farm.var, '{"verb":"status"}')) as { pid: number }).pid, farm.pid);
  });
});

describe('a SIGHUP while mailfarmd still waits for its turn', () => {
  it('ends nothing, and is a reload as soon as it has it', async () => {
    const { etc, var: varDir } = makeFolders();
    const holder = spawn('flock', [join(varDir, 'lock'), 'sleep', '60'], { detached: true, stdio: 'ignore' });
    const args = ['--etc', etc, '--var', varDir, '--set', 'listen.0.address=127.0.0.1:0'];
    await waitFor(() => existsSync(join(varDir, 'lock')), { what: 'the lock' });
    const child = spawn(`${ROOT}bin/mailfarmd`, args, { stdio: 'pipe' });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    const ended = once(child, 'exit');
    await waitFor(() => text.includes('waiting for the last workers'), { what: () => text });
    child.kill('SIGHUP');
    if (holder.pid) process.kill(-holder.pid, 'SIGKILL');
    const log = join(varDir, 'log/mailfarm.log');
    const isReloaded = (): boolean => existsSync(log) && readFileSync(log, 'utf8').includes('"event":"reloaded"');
    await waitFor(() => text.includes('mailfarmd: ready') && isReloaded(), { what: () => text });
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });
});

function control(varDir: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // The path may be too long for a socket's name; a relative one is not.
    const socket = net.connect(join(varDir, 'run/control.sock'));
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(`${line}\n`);
  });
}
