/** The manual pages keep up with the parsers, and render. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SENDMAIL_OPTIONS } from '../../../src/cli/sendmail/options.ts';
import { ROOT, run } from '../../support/run.ts';

const PAGES = ['mailfarm.1', 'queue.1', 'sendmail.1', 'mailfarmd.8'] as const;

function page(name: string): string {
  return readFileSync(`${ROOT}etc/man/${name}`, 'utf8');
}

/** Options in a page: what follows Fl, as `-t` and `--json`. */
function optionsOf(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of text.split('\n').filter((one) => /\bFl\b/.test(one))) {
    for (const word of line.split(/[\s,|]+/)) if (/^-?[A-Za-z][a-z-]*$/.test(word)) found.add(`-${word}`);
  }
  return found;
}

async function helpOf(command: string): Promise<string> {
  const first = (await run(`bin/${command}`, ['--help'])).stdout;
  const verbs = [...first.matchAll(new RegExp(`^  ${command} ([a-z]+)`, 'gm'))].map((match) => match[1] ?? '');
  const more = await Promise.all(verbs.map(async (verb) => (await run(`bin/${command}`, [verb, '--help'])).stdout));
  return [first, ...more].join('\n');
}

test('every option and verb that the help of a command lists is in its page', async () => {
  for (const [name, command] of [
    ['queue.1', 'queue'],
    ['mailfarm.1', 'mailfarm'],
    ['mailfarmd.8', 'mailfarmd'],
  ] as const) {
    const help = await helpOf(command);
    const text = page(name);
    const known = optionsOf(text);
    const options = new Set([...help.matchAll(/(?<![a-z-])--[a-z][a-z-]*/g)].map((match) => match[0]));
    assert.ok(options.size > 4, command);
    for (const option of options) assert.ok(known.has(option), `${option} in ${name}`);
    for (const [, verb = ''] of help.matchAll(new RegExp(`^  ${command} ([a-z]+)`, 'gm'))) {
      assert.match(text, new RegExp(`^\\.It Cm ${verb}$`, 'm'), `${verb} in ${name}`);
    }
  }
});

test('every option of sendmail is in its page', () => {
  const text = page('sendmail.1');
  const known = optionsOf(text);
  for (const option of SENDMAIL_OPTIONS) {
    const listed = known.has(option) || text.includes(`.It Fl ${option.slice(1)}`);
    assert.ok(listed, option);
  }
});

test('pages render without a warning', (t) => {
  if (spawnSync('groff', ['--version']).status !== 0) return t.skip('no groff on this machine');
  for (const name of PAGES) {
    const done = spawnSync('groff', ['-mdoc', '-Tutf8', '-ww', `${ROOT}etc/man/${name}`], { encoding: 'utf8' });
    assert.deepEqual([done.status, done.stderr], [0, ''], name);
    // Bold is a character, a backspace, and the character again.
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    assert.match(done.stdout.replaceAll(/.\u0008/g, ''), /EXIT STATUS/);
  }
});
