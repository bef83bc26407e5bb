/**
 * Which recipients of a local domain have a Maildir, and what its folder is called.
 *
 * The name of a folder comes from this table or passes isSafeMailbox(); an address by itself never becomes a path.
 */

/** Gives the mailbox of a recipient, or undefined when there is none. Arguments as in a parsed address. */
export type FindMailbox = (local: string, domain: string) => string | undefined;

const ASCII_NAME = /^[a-z0-9_][a-z0-9._-]{0,63}$/;
const UNICODE_NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._-]{0,63}$/u;

/** True for a lower-case name that can be a folder: no separators, no leading dot, nothing that a shell knows. */
export function isSafeMailbox(name: string): boolean {
  return ASCII_NAME.test(name) || (UNICODE_NAME.test(name) && name === name.normalize('NFC').toLowerCase());
}

/**
 * Compiles the `mailboxes` of the configuration: `*` for any safe name, or a list of `user` and `user@domain`.
 * `user+tag` finds the mailbox of `user`; `postmaster` is always there (RFC 5321 section 4.5.1).
 */
export function compileMailboxes(mailboxes: '*' | readonly string[]): FindMailbox {
  const known = mailboxes === '*' ? undefined : new Set(['postmaster', ...mailboxes.map((name) => name.toLowerCase())]);
  const find = (name: string, domain: string): string | undefined => {
    if (!isSafeMailbox(name)) return undefined;
    if (known === undefined || known.has(name) || known.has(`${name}@${domain}`)) return name;
    return undefined;
  };
  return (local, domain) => {
    const whole = local.toLowerCase();
    const base = withoutTag(whole);
    return find(whole, domain) ?? (base === whole ? undefined : find(base, domain));
  };
}

/** `user` of `user+tag`. */
export function withoutTag(local: string): string {
  const plus = local.indexOf('+');
  return plus > 0 ? local.slice(0, plus) : local;
}
