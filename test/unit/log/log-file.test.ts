/** The log file: rotation, removal, bad places, a full disk, torn lines. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { LogFile } from '../../../src/log/log-file.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
let count = 0;
before(async () => void (dir = await fs.mkdtemp(path.join(os.tmpdir(), 'mf-logfile-'))));
after(() => fs.rm(dir, { recursive: true }));

interface Setup {
  readonly file: string;
  readonly log: LogFile;
  readonly trouble: string[];
}

function setUp(
  t: TestContext,
  more: { file?: string; maxSize?: number; keep?: number; maxBacklog?: number } = {},
): Setup {
  count += 1;
  const file = more.file ?? path.join(dir, String(count), 'mailfarm.log');
  const trouble: string[] = [];
  const log = new LogFile({
    file,
    rotation: { maxSize: more.maxSize ?? 1_000_000, keep: more.keep ?? 3 },
    maxBacklog: more.maxBacklog ?? 1_000_000,
    missingLine: (n, why) => Buffer.from(`missing ${n}: ${why}\n`),
    onTrouble: (why) => trouble.push(why),
  });
  t.after(() => log.close());
  return { file, log, trouble };
}

const line = (text: string): Buffer => Buffer.from(`${text}\n`);

describe('LogFile', () => {
  it('makes its folder and appends lines in order', async (t) => {
    const { file, log } = setUp(t);
    const expected = Array.from({ length: 5000 }, (_, n) => `line ${n}`);
    for (const text of expected) log.write(line(text));
    await log.idle();
    assert.equal(await fs.readFile(file, 'utf8'), `${expected.join('\n')}\n`);
    assert.equal((await fs.stat(file)).mode & 0o777, 0o600);
    assert.equal(log.backlog, 0);
  });

  it('rotates by size, keeps so many, and tears no line', async (t) => {
    const { file, log } = setUp(t, { maxSize: 1000, keep: 2 });
    for (let n = 0; n < 50; n += 1) {
      log.write(line(`line ${n} ${'x'.repeat(100)}`));
      await log.idle();
    }
    const names = (await fs.readdir(path.dirname(file))).toSorted();
    assert.deepEqual(names, ['mailfarm.log', 'mailfarm.log.1', 'mailfarm.log.2']);
    const texts = await Promise.all([`${file}.2`, `${file}.1`, file].map((name) => fs.readFile(name, 'utf8')));
    const numbers = texts
      .join('')
      .trimEnd()
      .split('\n')
      .map((text) => Number(/^line (\d+) x{100}$/.exec(text)?.[1]));
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, n) => 50 - numbers.length + n),
    );
  });

  it('keeps no old file when told so', async (t) => {
    const { file, log } = setUp(t, { maxSize: 10, keep: 0 });
    for (let n = 0; n < 5; n += 1) {
      log.write(line(`a long line ${n}`));
      await log.idle();
    }
    assert.deepEqual(await fs.readdir(path.dirname(file)), ['mailfarm.log']);
    assert.equal(await fs.readFile(file, 'utf8'), 'a long line 4\n');
  });

  it('notices that its file was removed or moved away', async (t) => {
    const { file, log } = setUp(t);
    log.write(line('one'));
    await log.idle();
    await fs.rename(file, `${file}.away`);
    await waitFor(async () => {
      log.write(line('two'));
      await log.idle();
      return existsSync(file);
    });
    assert.match(await fs.readFile(file, 'utf8'), /^(two\n)+$/);
  });

  it('ends a torn line that a crash left behind', async (t) => {
    const { file, log } = setUp(t);
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(file, 'whole\ntorn');
    log.write(line('next'));
    await log.idle();
    assert.equal(await fs.readFile(file, 'utf8'), 'whole\ntorn\nnext\n');
  });

  for (const [what, make] of [
    ['a symbolic link', (file: string) => fs.symlink('/dev/null', file)],
    ['a folder', (file: string) => fs.mkdir(file)],
    ['a FIFO', (file: string) => Promise.resolve(execFileSync('mkfifo', [file]))],
  ] as const) {
    it(`waits while ${what} stands in its place`, async (t) => {
      const { file, log, trouble } = setUp(t, { maxBacklog: 100 });
      await fs.mkdir(path.dirname(file), { recursive: true });
      await make(file);
      for (let n = 0; n < 30; n += 1) log.write(line(`line ${n}`));
      await waitFor(() => trouble.length > 0);
      assert.ok(log.dropped > 0);
      await fs.rm(file, { recursive: true });
      await log.idle();
      const text = await fs.readFile(file, 'utf8');
      assert.match(text, /^line 0\nline 1\n/);
      assert.match(text, new RegExp(`\\nmissing ${log.dropped}: .+\\n$`));
      assert.equal(trouble.length, 1, 'told once');
    });
  }

  it('survives a full disk, drops with a count, and goes on in mid-line', async (t) => {
    const small = path.join(dir, 'small');
    await fs.mkdir(small);
    if (!mountSmall(small)) return t.skip('needs the right to mount a tmpfs');
    t.after(() => execFileSync('umount', ['-l', small]));
    await fs.writeFile(path.join(small, 'ballast'), Buffer.alloc(200 * 1024));
    const { file, log, trouble } = setUp(t, { file: path.join(small, 'mailfarm.log'), maxBacklog: 100 * 1024 });
    for (let n = 0; n < 3000; n += 1) log.write(line(`line ${n} ${'x'.repeat(50)}`));
    await waitFor(() => trouble.length > 0);
    for (let n = 0; n < 3000; n += 1) log.write(line(`more ${n} ${'x'.repeat(50)}`));
    assert.match(trouble[0] ?? '', /ENOSPC/);
    await fs.rm(path.join(small, 'ballast'));
    await log.idle();
    const lines = (await fs.readFile(file, 'utf8')).trimEnd().split('\n');
    for (const text of lines) assert.match(text, /^((line|more) \d+ x{50}|missing \d+: ENOSPC.*)$/);
    const missing = lines.map((text) => Number(/^missing (\d+)/.exec(text)?.[1] ?? 0)).reduce((a, b) => a + b, 0);
    assert.equal(missing, log.dropped);
    assert.equal(lines.filter((text) => !text.startsWith('missing')).length + missing, 6000);
  });
});

function mountSmall(place: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place], { stdio: 'ignore' });
    return true;
  } catch {
    // Not root, or in a container without the right: the caller skips.
    return false;
  }
}
