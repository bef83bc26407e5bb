import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { ROOT, run } from '../../../support/run.ts';
import { makeTemp } from '../../../support/temp.ts';

const WORDS_OF_QUEUE = [
  'list',
  'count',
  'summary',
  'show',
  'why',
  'trace',
  'retry',
  'hold',
  'release',
  'bounce',
  'delete',
  'restore',
];

test('help lists verbs, options, examples and exit statuses', async () => {
  const help = await run('bin/queue', ['--help']);
  assert.equal(help.status, EX.OK);
  for (const verb of WORDS_OF_QUEUE) assert.match(help.stdout, new RegExp(`^  queue ${verb} `, 'm'));
  assert.match(help.stdout, /Examples:/);
  assert.match(help.stdout, /Exit status: 0 done/);
  const verb = await run('bin/mailfarm', ['resize', '--help']);
  assert.match(verb.stdout, /acceptor/);
});

test('wrong usage is told in one line, with a hint', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^queue: name what to do\n/],
    [['lsit'], /^queue: there is no verb lsit; did you mean list\?\n/],
    [['--var', '/nowhere', 'lsit'], /^queue: there is no verb lsit; did you mean list\?\n/],
    [['xyzzyxyzzy'], /^queue: there is no verb xyzzyxyzzy\n/],
    [['list', '--nope'], /^queue: Unknown argument: nope\n/],
    [['list', '--age'], /^queue: Not enough arguments following: age\n/],
    [['list', '--age', 'long'], /^queue: --age takes/],
    [['list', '--state', 'lost'], /^queue: state: expected one of waiting, .*, deleted, got "lost"\n/],
    [['show'], /^queue: show needs the id of a message\n/],
    [['completion'], /^queue: completion needs a shell: bash or zsh\n/],
    [['list', '--state', '\u001b[2J'], /^queue: /],
    [['list', '--etc', 'a', '--etc', 'b'], /^queue: --etc is given more than once\n/],
    [['list', '--var', 'a', '--var', 'b'], /^queue: --var is given more than once\n/],
    [['summary', '--by', 'hop', '--by', 'domain'], /^queue: --by is given more than once\n/],
    [['hold', '--all', '--reason', 'a', '--reason', 'b'], /^queue: --reason is given more than once\n/],
    [['delete', '--all', '--limit', '1', '--limit', '2'], /^queue: --limit is given more than once\n/],
    ...['1k', '0', '-1', '', ' ', '1.5', '1e9', 'NaN'].map(
      (limit) => [['delete', '--all', `--limit=${limit}`], /^queue: --limit takes a whole number from 1 on\n/] as const,
    ),
  ];
  for (const [args, told] of cases) {
    const ran = await run('bin/queue', args, { env: { MAILFARM_VAR: makeTemp('var') } });
    assert.deepEqual([ran.status, ran.stdout], [EX.USAGE, ''], args.join(' '));
    assert.match(ran.stderr, told);
    assert.ok(!ran.stderr.includes('\u001b'));
  }
});

test('mailfarm says what resize needs, and offers only farms that have a size', async () => {
  const ran = await run('bin/mailfarm', ['resize', 'acceptor']);
  assert.deepEqual([ran.status, ran.stderr.split('\n')[0]], [EX.USAGE, 'mailfarm: resize needs a farm and a size']);
  const log = await run('bin/mailfarm', ['resize', 'log', '1']);
  assert.equal(log.status, EX.USAGE);
  assert.match(log.stderr, /^mailfarm: farm: expected one of router, filter, .*, got "log"\n/);
  assert.doesNotMatch((await run('bin/mailfarm', ['resize', '--help'])).stdout, /"(log|scheduler|injector)"/);
});

test('trouble of a trace is told by the command that was asked', async () => {
  for (const name of ['mailfarm', 'queue']) {
    const ran = await run(`bin/${name}`, ['trace', '0000000000000000000'], { env: { MAILFARM_VAR: '/nonexistent' } });
    assert.match(ran.stderr, new RegExp(`^${name}: /nonexistent does not exist`));
    const empty = await run(`bin/${name}`, ['trace', '0000000000000000000'], {
      env: { MAILFARM_VAR: makeTemp('var') },
    });
    assert.deepEqual([empty.status, empty.stdout], [EX.NOINPUT, '']);
    assert.equal(empty.stderr, `${name}: neither the queue nor the log knows this message\n`);
  }
});

test('places come from options, then from the environment', async () => {
  const [one, two] = [makeTemp('var'), makeTemp('var')];
  const told = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> =>
    (await run('bin/mailfarm', ['status', ...args], { env })).stderr;
  assert.match(await told([], { MAILFARM_VAR: one }), new RegExp(`on ${one}\\n`));
  assert.match(await told(['--var', two], { MAILFARM_VAR: one }), new RegExp(`on ${two}\\n`));
  assert.match(await told(['--var', '/nonexistent'], {}), /does not exist/);
  const etc = await run('bin/queue', ['list', '--var', one, '--etc', '/nonexistent']);
  assert.equal(etc.status, EX.CONFIG);
});

test('bash completes verbs and options with the printed script', (t) => {
  if (spawnSync('bash', ['--version']).status !== 0) return t.skip('no bash on this machine');
  const complete = (line: string): readonly string[] => {
    const script = `
      PATH="${ROOT}bin:$PATH"
      source <(queue completion bash)
      COMP_WORDS=(${line}); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
      _queue_complete
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split('\n');
  };
  assert.deepEqual(complete('queue re').toSorted(), ['release', 'restore', 'retry']);
  assert.ok(complete('queue hold --d').includes('--dry-run'));
  assert.ok(complete('queue hold --d').includes('--domain'));
  assert.deepEqual(complete('queue why --re').toSorted(), ['--recipient', '--reply']);
  assert.ok(complete('queue summary --by send').includes('sender-domain'));
});

test('the zsh script names its command', async () => {
  const ran = await run('bin/mailfarm', ['completion', 'zsh']);
  assert.equal(ran.status, EX.OK);
  assert.match(ran.stdout, /^#compdef mailfarm\n/);
  assert.equal((await run('bin/mailfarm', ['completion', 'fish'])).status, EX.USAGE);
});
