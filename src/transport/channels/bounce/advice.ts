/** What people read of a failure: why, and what they can do. Written for somebody who knows nothing of mail systems. */
import type { Reply } from '../../../mail/outcome.ts';
import type { ReplyClass } from '../../../mail/reply-class.ts';

/** By the end of the enhanced status code (RFC 3463), where that is more exact than the class. */
const BY_STATUS: ReadonlyMap<string, string> = new Map([
  ['1.10', 'The domain says that it takes no mail. Ask the recipient for another address.'],
  ['1.2', 'The domain of this address does not exist. Check the part after the @ for a mistake in writing.'],
  ['2.3', 'The message is too large for this mailbox. Send less at once, or share the files in another way.'],
  ['6.7', 'The address has letters that the mail system of the recipient cannot handle. Ask for another address.'],
]);

const BY_CLASS: Readonly<Record<Exclude<ReplyClass, 'other'>, string>> = {
  'unknown-user':
    'The address does not exist, or not any more. Check it for a mistake in writing, or ask the recipient.',
  'inactive-user': 'The mailbox is closed, or not in use any more. Ask the recipient for another address.',
  'mailbox-full': 'The mailbox is full. Tell the recipient in another way, and send the message again later.',
  size: "The message is too large for the recipient's mail system. Send less at once, or share the files in another way.",
  blocked:
    'The mail system of the recipient takes no mail from ours for now, mostly because of a list of senders of spam. Your administrator can have that changed; show them this report.',
  spam: 'The mail system of the recipient took the message for spam. Send it in other words, or tell the recipient in another way.',
  virus:
    'The mail system of the recipient took something in the message for dangerous. Share attached files in another way.',
  auth: 'The mail system of the recipient could not make sure that the message comes from your domain, or from an honest mail system. Your administrator can mend that (SPF, DKIM, DMARC, reverse DNS); show them this report.',
  policy:
    'The mail system of the recipient refused the message by its rules. Its own words below may say which; the recipient, or their administrator, can change that.',
  'relay-denied':
    'The mail system that stands for the domain of this address takes no mail for it. Check the part after the @, or tell the recipient in another way.',
  'rate-limited':
    'The mail system of the recipient has had too much mail for now, from us or for this mailbox. Send the message again later.',
  greylisted:
    'The mail system of the recipient asks every unknown sender to try again later, and did so for too long. Send the message again.',
  dns: 'The mail system of this domain cannot be found. Check the part after the @ for a mistake in writing, or try again later.',
  connection: 'The mail system of the recipient could not be reached. Check the part after the @, or try again later.',
  tls: 'No encrypted connection to the mail system of the recipient could be made. Show this report to your administrator.',
  protocol:
    'Our mail system and that of the recipient did not understand each other. Show this report to your administrator.',
  loop: 'The mail went in circles. This needs the administrator of one of the mail systems; show them this report.',
  system:
    'The mail system of the recipient is out of order, or full. Tell the recipient in another way, or send the message again later.',
};

const UNCLEAR =
  'The mail system of the recipient did not take the message. Its own words below say more; show them to your administrator.';
/** Where no other system has spoken: an operator gave the message up, or we did. */
const GIVEN_UP_HERE =
  'It was given up here; the words below say why. Ask the administrator of this mail system for more.';

/** One or two sentences for the recipients that got this reply. */
export function adviceFor({ status, class: kind = 'other', remote }: Reply): string {
  const exact = BY_STATUS.get(status.slice(2));
  if (exact !== undefined) return exact;
  // A queue that a newer version wrote may have classes that are not known here.
  if (kind !== 'other' && Object.hasOwn(BY_CLASS, kind)) return BY_CLASS[kind];
  return remote === undefined ? GIVEN_UP_HERE : UNCLEAR;
}
