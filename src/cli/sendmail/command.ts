/**
 * The sendmail command: from its arguments and standard input to an exit status.
 *
 * Every line on standard error begins with `sendmail:`. Trouble that may pass ends with 75, so that callers keep the
 * message; nothing ends with 0 unless the farm or the disk has it.
 */
import { userInfo } from 'node:os';
import { EX } from '../../base/sysexits.ts';
import { errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../common/context.ts';
import { becomeOwner, enterVar, resolvePlaces, type NoEntry } from '../common/places.ts';
import { loadSettings } from '../common/settings.ts';
import { packageVersion } from '../common/version.ts';
import { deliver } from './deliver.ts';
import { SENDMAIL_HELP } from './help.ts';
import { findListener } from './listener.ts';
import type { OutgoingMessage } from './message.ts';
import { composeMessage, resolveRecipients, resolveSender } from './message.ts';
import type { SendmailOptions } from './options.ts';
import { NO_ALIAS_DATABASE, parseSendmailOptions } from './options.ts';
import { readMessage } from './read-message.ts';
import { reportClosedQueue, type Report } from './report.ts';
import { relaySession } from './session.ts';

/** Runs the command; resolves with the exit status. */
async function runSendmail(context: Context): Promise<number> {
  const parsed = parseSendmailOptions(context.argv);
  if (!parsed.ok) return fail(context, EX.USAGE, [parsed.why, 'try sendmail --help']);
  const { options } = parsed;
  if (options.mode === 'help') return print(context, SENDMAIL_HELP);
  if (options.mode === 'version') return print(context, `sendmail (Mailfarm) ${packageVersion()}\n`);
  if (options.mode === 'aliases') return print(context, `sendmail: ${NO_ALIAS_DATABASE}\n`);
  if (options.mode === 'list') return listQueue(context, options);
  if (options.mode === 'idle' && options.recipients.length === 0 && !options.fromHeader) return EX.OK;
  if (options.mode === 'deliver' && options.recipients.length === 0 && !options.fromHeader) {
    return fail(context, EX.USAGE, ['name the recipients, or take them from the header with -t']);
  }
  const user = loginName();
  const places = resolvePlaces(options, context);
  const noEntry = enterVar(places);
  const where = noEntry === undefined ? 'inside' : 'outside';
  const settings = await loadSettings(places, where);
  if (!settings.ok) return fail(context, EX.CONFIG, settings.why.split('\n'));
  const { config } = settings;
  if (options.mode === 'session') return relaySession(context, await findListener(config, where), config.hostname);
  return sendOne(context, options, { config, user, noEntry });
}

interface Farm {
  readonly config: Config;
  readonly user: string;
  /** Why var is out of reach; undefined when it is the working directory. */
  readonly noEntry: NoEntry | undefined;
}

async function sendOne(context: Context, options: SendmailOptions, farm: Farm): Promise<number> {
  const { hostname, limits, retry } = farm.config;
  const sender = resolveSender(options.sender, farm.user, hostname);
  if (sender !== '' && !sender.ok) return fail(context, EX.USAGE, [`sender: ${sender.why}`]);
  const read = await readMessage(context.stdin, { dotEnds: !options.ignoreDots, maxSize: limits.messageSize });
  if (!read.ok) return fail(context, EX.DATAERR, [read.why]);
  const { fields, body } = read;
  try {
    const { recipients, bad } = resolveRecipients(options, fields, hostname);
    await warn(
      context,
      bad.map((one) => `${oneLine(one.text, 200)}: ${one.why}`),
    );
    if (recipients.length === 0) {
      return await fail(context, EX.DATAERR, bad.length > 0 ? [] : ['the header names no recipient']);
    }
    const from = sender === '' ? '' : sender.address;
    const message = composeMessage({ sender: from, recipients, fields, body }, options, `${farm.user}@${hostname}`);
    const report = await deliver(message, {
      hostname,
      listener: await findListener(farm.config, farm.noEntry === undefined ? 'inside' : 'outside'),
      holdFor: options.queueOnly ? Math.max(1, Math.ceil((retry.times[0] ?? 0) / 1000)) : undefined,
      enqueue: (part) => enqueueOnDisk(part, farm, fields),
    });
    if (options.verbose) await warn(context, report.taken ?? []);
    if (report.status !== EX.OK || options.verbose) await warn(context, report.lines);
    return report.status === EX.OK && bad.length > 0 ? EX.DATAERR : report.status;
  } finally {
    await body.close();
  }
}

/** The queue's code is loaded only when it is needed: the farm nearly always runs. */
async function enqueueOnDisk(
  message: OutgoingMessage,
  farm: Farm,
  fields: Parameters<typeof composeMessage>[0]['fields'],
): Promise<Report> {
  if (farm.noEntry?.status === EX.NOPERM) return reportClosedQueue(farm.config.paths.var);
  if (farm.noEntry !== undefined) return { lines: [`no farm answers, and ${farm.noEntry.why}`], status: EX.TEMPFAIL };
  becomeOwner();
  const { enqueue } = await import('./enqueue.ts');
  return enqueue(message, { config: farm.config, user: farm.user, fields });
}

async function listQueue(context: Context, options: SendmailOptions): Promise<number> {
  const { runQueue } = await import('../queue/command.ts');
  const argv = ['list'];
  for (const name of ['etc', 'var'] as const) {
    const value = options[name];
    if (value !== undefined) argv.push(`--${name}=${value}`);
  }
  return runQueue({ ...context, argv: options.json ? [...argv, '--json'] : argv });
}

/** The caller's login name, or its number where it has none. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

async function print(context: Context, text: string): Promise<number> {
  await context.out.write(text);
  return EX.OK;
}

async function warn(context: Context, lines: readonly string[]): Promise<void> {
  for (const line of lines) await context.err.line(`sendmail: ${line}`);
}

async function fail(context: Context, status: number, lines: readonly string[]): Promise<number> {
  await warn(context, lines);
  return status;
}

/** For errors that nobody expected: the caller keeps the message. */
export async function runSendmailSafely(context: Context): Promise<number> {
  try {
    return await runSendmail(context);
  } catch (error) {
    return fail(context, EX.TEMPFAIL, [oneLine(errorText(error))]);
  }
}
