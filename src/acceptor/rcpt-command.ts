/**
 * RCPT TO: adds one recipient to the transaction, or says why not. A refused recipient never changes the others.
 */
import type { BounceSettings } from '../config/config.ts';
import type { Recipient, RecipientDsn } from '../mail/envelope.ts';
import { notXtext, parsePathCommand, UNSENDABLE, type Parameters } from './envelope-command.ts';
import type { RecipientPolicy } from './recipient-policy.ts';
import { refusal, TOO_LONG_ENVELOPE, tooManyRecipients, type Refusal } from './replies.ts';
import type { Transaction } from './transaction.ts';

export interface RcptRules {
  readonly policy: RecipientPolicy;
  readonly trusted: boolean;
  /** Most recipients of one transaction. */
  readonly recipients: number;
  /** Whose wish to hear of success is kept. */
  readonly success: BounceSettings['success'];
}

const KNOWN = new Set(['NOTIFY', 'ORCPT']);
const NOTIFY = new Set(['SUCCESS', 'FAILURE', 'DELAY']);
/**
 * Bytes of all recipients of a transaction as JSON: a record of the queue has room for 4 MiB. 1,000 of the longest fit; where
 * limits.recipients is raised, DSN parameters may fill it sooner.
 */
const MAX_RECIPIENT_BYTES = 3 * 1024 * 1024;

/** Undefined when the recipient is in. */
export function addRecipient(line: string, transaction: Transaction, rules: RcptRules): Refusal | undefined {
  const command = parsePathCommand(line, {
    name: 'RCPT TO',
    smtputf8: transaction.smtputf8,
    postmasterDomain: rules.policy.postmasterDomain,
  });
  if (command === undefined) return syntax('Syntax: RCPT TO:<address> [parameters]');
  if (command.duplicate !== undefined) return syntax(`${command.duplicate} is given twice`);
  if (command.malformed !== undefined) return syntax(notXtext(command.malformed));
  const parsed = parseDsn(command.parameters);
  if ('code' in parsed) return parsed;
  const dsn = keepsSuccess(rules) ? parsed : withoutSuccess(parsed);
  if (command.needsUtf8) return refusal(553, '5.6.7', 'utf8', 'This address needs SMTPUTF8 at MAIL');
  const { address } = command;
  if (address === undefined) {
    return refusal(501, '5.1.3', 'recipient-syntax', `Bad recipient address: ${command.why ?? 'the address is empty'}`);
  }
  const key = rules.policy.identityOf(address);
  if (isFull(transaction, key, rules.recipients)) return tooManyRecipients(rules.recipients);
  const refused = rules.policy.judge(address, rules.trusted);
  if (refused !== undefined) return refused;
  if (UNSENDABLE.test(address.local))
    return refusal(553, '5.1.3', 'recipient-syntax', 'This address cannot be sent to');
  const recipient: Recipient = { address: address.address, ...(Object.keys(dsn).length > 0 && { dsn }) };
  const bytes = transaction.bytes + sizeOf(recipient) - sizeOf(transaction.recipients.get(key));
  if (bytes > MAX_RECIPIENT_BYTES) return TOO_LONG_ENVELOPE;
  transaction.recipients.set(key, recipient);
  transaction.bytes = bytes;
  transaction.accepted += 1;
  return undefined;
}

/** Who is named again takes no place, but LMTP owes an answer for each time: as many again are borne with. */
function isFull({ recipients, accepted }: Transaction, key: string, most: number): boolean {
  return (recipients.size >= most && !recipients.has(key)) || accepted >= 2 * most;
}

/** With the comma behind it. */
function sizeOf(recipient: Recipient | undefined): number {
  return recipient === undefined ? 0 : Buffer.byteLength(JSON.stringify(recipient)) + 1;
}

/** RFC 3461 sections 4.1 and 4.2. */
function parseDsn(parameters: Parameters): RecipientDsn | Refusal {
  const dsn: { notify?: string[]; orcpt?: string } = {};
  for (const [key, value] of parameters) {
    if (!KNOWN.has(key)) return refusal(555, '5.5.4', 'parameter', 'Unknown parameter of RCPT TO');
    if (value === true || value === '') return syntax(`Bad value of ${key}`);
    if (key === 'ORCPT') {
      if (!isOrcpt(value)) return syntax('Bad value of ORCPT');
      dsn.orcpt = value;
    } else {
      const notify = value.toUpperCase().split(',');
      const never = notify.length === 1 && notify[0] === 'NEVER';
      if (!never && !notify.every((word) => NOTIFY.has(word))) return syntax('Bad value of NOTIFY');
      dsn.notify = [...new Set(notify)];
    }
  }
  return dsn;
}

/**
 * Anybody may forge a sender: one message to a thousand recipients would bring him a thousand reports. Who may relay is known, and does
 * not want to.
 */
function keepsSuccess({ success, trusted }: RcptRules): boolean {
  return success === 'anyone' || (success === 'relay' && trusted);
}

/** Who asked for nothing else asked to hear of no failure (RFC 3461 section 4.1). */
function withoutSuccess(dsn: RecipientDsn): RecipientDsn {
  if (dsn.notify?.includes('SUCCESS') !== true) return dsn;
  const others = dsn.notify.filter((word) => word !== 'SUCCESS');
  return { ...dsn, notify: others.length > 0 ? others : ['NEVER'] };
}

function isOrcpt(value: string): boolean {
  return /^[A-Za-z0-9-]{1,64};[\x20-\x7e]+$/.test(value);
}

function syntax(text: string): Refusal {
  return refusal(501, '5.5.4', 'syntax', text);
}
