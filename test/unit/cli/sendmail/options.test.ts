import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSendmailOptions, type SendmailOptions } from '../../../../src/cli/sendmail/options.ts';

function parse(...argv: string[]): SendmailOptions {
  const parsed = parseSendmailOptions(argv);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.why);
  return parsed.options;
}

function whyNot(...argv: string[]): string {
  const parsed = parseSendmailOptions(argv);
  assert.ok(!parsed.ok);
  return parsed.why;
}

test('reads what programs call it with', () => {
  // PHP, cron, git send-email, mutt, Debian's bug reporter.
  assert.equal(parse('-t', '-i').fromHeader, true);
  assert.equal(parse('-FCronDaemon', '-i', '-B8BITMIME', '-oem', 'root').fullName, 'CronDaemon');
  assert.deepEqual(parse('-i', 'a@example.org', 'b@example.org').recipients, ['a@example.org', 'b@example.org']);
  const mutt = parse('-oem', '-oi', '-f', 'me@example.org', '--', 'you@example.org');
  assert.equal(mutt.sender, 'me@example.org');
  assert.equal(mutt.ignoreDots, true);
  assert.deepEqual(mutt.recipients, ['you@example.org']);
});

test('the delivery mode says whether mail is tried at once, the last one counts', () => {
  assert.equal(parse('you@example.org').queueOnly, false);
  assert.equal(parse('-odq', 'you@example.org').queueOnly, true);
  assert.equal(parse('-o', 'dd', 'you@example.org').queueOnly, true);
  assert.equal(parse('-odq', '-odi', 'you@example.org').queueOnly, false);
  assert.equal(parse('-odq', '-oi', '-oem', 'you@example.org').queueOnly, true);
});

test('letters may be combined, values attached or apart', () => {
  const combined = parse('-tivfme@example.org', 'you@example.org');
  assert.ok(combined.fromHeader && combined.ignoreDots && combined.verbose);
  assert.equal(combined.sender, 'me@example.org');
  assert.equal(parse('-r', 'me@example.org').sender, 'me@example.org');
  assert.equal(parse('-F', 'A B').fullName, 'A B');
  assert.equal(parse('-f', '<>').sender, '<>');
  assert.equal(parse('-f', '').sender, '');
});

test('-- ends the options, a lone - is a word', () => {
  assert.deepEqual(parse('--', '-oQ/tmp@example.org').recipients, ['-oQ/tmp@example.org']);
  assert.deepEqual(parse('-').recipients, ['-']);
});

test('reads notification wishes', () => {
  assert.deepEqual(parse('-N', 'success,delay').notify, ['SUCCESS', 'DELAY']);
  assert.deepEqual(parse('-Nnever').notify, ['NEVER']);
  assert.equal(parse('-R', 'hdrs').ret, 'HDRS');
  assert.equal(parse('-RFULL').ret, 'FULL');
  assert.equal(parse('-V', 'job-17').envid, 'job-17');
  assert.match(whyNot('-N', 'never,success'), /-N takes/);
  assert.match(whyNot('-N', 'sometimes'), /-N takes/);
  assert.match(whyNot('-R', 'half'), /-R takes/);
  assert.match(whyNot('-V', 'a b'), /-V takes/);
});

test('reads the modes, and says what to do instead of those that are not', () => {
  assert.equal(parse('-bm').mode, 'deliver');
  assert.equal(parse('-bs').mode, 'session');
  assert.equal(parse('-bp').mode, 'list');
  assert.equal(parse('-q').mode, 'idle');
  assert.equal(parse('-q15m').mode, 'idle');
  assert.match(whyNot('-bd'), /mailfarmd/);
  assert.match(whyNot('-bv'), /--check/);
  assert.equal(parse('-bi').mode, 'aliases');
  assert.equal(parse('-I').mode, 'aliases');
  assert.match(whyNot('-bz'), /-bz/);
});

test('accepts the options of other programs that mean nothing here', () => {
  const options = parse(
    '-Am',
    '-C',
    '/etc/mail.cf',
    '-d0.1',
    '-h',
    '3',
    '-L',
    'tag',
    '-m',
    '-n',
    '-O',
    'X=y',
    '-G',
    '-U',
  );
  assert.deepEqual(options.recipients, []);
  assert.equal(options.mode, 'deliver');
});

test('reads the long options of every Mailfarm command', () => {
  const options = parse('--etc', '/e', '--var=/v', '--json', '-bp');
  assert.deepEqual([options.etc, options.var, options.json], ['/e', '/v', true]);
  assert.equal(parse('--help').mode, 'help');
  assert.equal(parse('--version').mode, 'version');
  assert.match(whyNot('--nonsense'), /--nonsense/);
  assert.match(whyNot('--etc'), /directory/);
});

test('refuses unknown letters and missing values', () => {
  assert.match(whyNot('-k'), /-k/);
  assert.match(whyNot('-t', '-f'), /-f needs a value/);
  assert.match(whyNot('-__proto__'), /-_/);
});
