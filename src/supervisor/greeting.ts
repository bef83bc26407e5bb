/**
 * What mailfarmd says on stdout when it is ready: one line for programs, and for people how to go on. And what a drain says at its
 * end.
 */
import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { DrainEnd } from './drain.ts';
import { STANDSTILL_MS } from './standstill.ts';

export interface GreetingOptions {
  readonly version: string;
  readonly config: Config;
  /** Real addresses. */
  readonly listeners: readonly string[];
}

/** Begins with `mailfarmd: ready`; KEY=VALUE pairs follow, var last, as its path may hold anything. */
export function readyLine({ version, config, listeners }: GreetingOptions): string {
  return `mailfarmd: ready version=${version} pid=${process.pid} listen=${listeners.join(',')} var=${config.paths.var}`;
}

/**
 * Begins with `mailfarmd: drained`; KEY=VALUE pairs follow: recipients that were delivered to, those whose failure was reported, and
 * what is left: messages that wait for their time or their next hop, and such with held recipients.
 */
export function drainedLine({ delivered, bounced, work }: Extract<DrainEnd, { how: 'drained' }>): string {
  return `mailfarmd: drained delivered=${delivered} bounced=${bounced} waiting=${work.left} held=${work.held}`;
}

/** `left`: undefined where no scheduler answered. */
export function stuckLine(left: number | undefined): string {
  const what = left === undefined ? 'no scheduler answers' : `about ${left} message${left === 1 ? '' : 's'} left`;
  return `the drain gave up: nothing moved for ${STANDSTILL_MS / 60_000} minutes, ${what}; the log says more, the mail stays in the queue`;
}

/** How to send a first message and where to find it. Empty where no local mailbox can be named. */
export function firstSteps({ config }: GreetingOptions): string[] {
  const domain = config.domains.local[0];
  const user = config.mailboxes === '*' ? 'me' : config.mailboxes[0]?.split('@')[0];
  if (domain === undefined || user === undefined) return [];
  const bin = path.join(config.paths.code, 'bin');
  const here = whereabouts(config);
  const maildir = path.resolve(config.paths.var, config.maildir.root, domain, user);
  return [
    `mailfarmd: send a first message:  printf 'Subject: hello\\n\\nIt works.\\n' | ${bin}/sendmail${here} ${user}@${domain}`,
    `mailfarmd: and look for it in     ${maildir}/new`,
    `mailfarmd: then                   ${bin}/mailfarm status${here}, ${bin}/queue list${here}; stop with Ctrl-C`,
  ];
}

/** The options without which the commands would look for another farm: those whose folders are not beside bin/. */
function whereabouts({ paths }: Config): string {
  return (['etc', 'var'] as const)
    .filter((name) => paths[name] !== path.join(paths.code, name))
    .map((name) => ` --${name} ${quote(paths[name])}`)
    .join('');
}

/** For a shell. */
function quote(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
