/** What mailfarmd says on stdout when it is ready: one line for programs, and for people how to go on. */
import path from 'node:path';
import type { Config } from '../config/config.ts';

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
