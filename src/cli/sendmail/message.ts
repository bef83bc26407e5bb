/**
 * A message ready to leave sendmail: envelope and content, which can be read as often as needed.
 */
import type { DsnWishes } from '../../client/submit.ts';
import type { AddressResult } from '../../mail/address.ts';
import { parseAddress } from '../../mail/address.ts';
import { listAddresses } from './address-list.ts';
import type { Field } from './header.ts';
import { formatHeader, listRecipients } from './header.ts';
import type { SendmailOptions } from './options.ts';
import type { Spool } from './spool.ts';

export interface OutgoingMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly header: Buffer;
  readonly body: Spool;
  readonly dsn: DsnWishes;
}

export interface BadAddress {
  readonly text: string;
  readonly why: string;
}

/** Bytes of the whole content. */
export function messageSize(message: OutgoingMessage): number {
  return message.header.length + message.body.size;
}

export function isEightBit(message: OutgoingMessage): boolean {
  return message.body.eightBit || message.header.some((byte) => byte > 127);
}

/** The content from its beginning. */
export async function* readContent(message: OutgoingMessage): AsyncGenerator<Buffer> {
  yield message.header;
  yield* message.body.read();
}

/** The envelope sender: -f or -r, else user@hostname; '' for `<>`. */
export function resolveSender(given: string | undefined, user: string, hostname: string): AddressResult | '' {
  if (given === undefined) return parseAddress(user, { defaultDomain: hostname, smtputf8: true });
  if (stripBrackets(given) === '') return '';
  const [address = given, ...more] = addressesOf(given, hostname);
  return parseAddress(more.length === 0 ? address : given, { defaultDomain: hostname, smtputf8: true });
}

/** Recipients of arguments and, with -t, of the header: each once, and what is no address apart. */
export function resolveRecipients(
  options: Pick<SendmailOptions, 'fromHeader' | 'recipients'>,
  fields: readonly Field[],
  hostname: string,
): { readonly recipients: readonly string[]; readonly bad: readonly BadAddress[] } {
  const texts = [
    ...options.recipients.flatMap((one) => addressesOf(one, hostname)),
    ...(options.fromHeader ? listRecipients(fields) : []),
  ];
  const recipients = new Set<string>();
  const bad: BadAddress[] = [];
  for (const text of texts) {
    const parsed = parseAddress(text, { defaultDomain: hostname, smtputf8: true });
    if (parsed.ok) recipients.add(parsed.address);
    else bad.push({ text, why: parsed.why });
  }
  return { recipients: [...recipients], bad };
}

/** The message as it will be sent. */
export function composeMessage(
  parts: {
    readonly sender: string;
    readonly recipients: readonly string[];
    readonly fields: readonly Field[];
    readonly body: Spool;
  },
  options: SendmailOptions,
  author: string,
): OutgoingMessage {
  const { sender, recipients, fields, body } = parts;
  const from = { address: sender || author, ...(options.fullName !== undefined && { name: options.fullName }) };
  const { notify, ret, envid } = options;
  const dsn = { ...(notify && { notify }), ...(ret && { ret }), ...(envid !== undefined && { envid }) };
  return { sender, recipients, header: formatHeader(fields, from), body, dsn };
}

/** An argument is an address as it stands, or else what a header field may hold: `Anna <anna@x>, bob@x`. */
function addressesOf(argument: string, hostname: string): readonly string[] {
  const bare = stripBrackets(argument);
  if (parseAddress(bare, { defaultDomain: hostname, smtputf8: true }).ok) return [bare];
  const listed = listAddresses(argument);
  return listed.length > 0 ? listed : [bare];
}

function stripBrackets(text: string): string {
  const trimmed = text.trim();
  return trimmed.startsWith('<') && trimmed.endsWith('>') ? trimmed.slice(1, -1).trim() : trimmed;
}
