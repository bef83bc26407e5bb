/**
 * MAIL FROM: opens a transaction, or says why not. Everything that the server as a whole may refuse (disk, back-pressure)
 * is refused here, where it costs the client least.
 */
import { readDeliverBy } from './deliver-by.ts';
import { notXtext, parsePathCommand, UNSENDABLE, type Parameters, type PathCommand } from './envelope-command.ts';
import { readHold } from './future-release.ts';
import { refusal, tooLarge, type Refusal } from './replies.ts';
import type { Transaction } from './transaction.ts';

export interface MailRules {
  /** Bytes. */
  readonly messageSize: number;
  /** How long this client may have its message held, in ms; 0: not at all (RFC 4865). */
  readonly futureReleaseMs: number;
  /** The least time within which this client may have its message delivered or else returned, in ms; 0: none (RFC 2852). */
  readonly deliverByMs: number;
  /** Refuses all mail at this moment: a full disk, too much on its way to the router. */
  readonly closed: () => Refusal | undefined;
  /** Whose mail of this sender it is; undefined when its header has to say it. */
  readonly tenantOf: (sender: string) => string | undefined;
  /** Refuses mail of the tenant at this moment. */
  readonly judgeTenant: (tenant: string) => Refusal | undefined;
}

const KNOWN = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH', 'HOLDFOR', 'HOLDUNTIL', 'BY']);

export function openTransaction(line: string, rules: MailRules): Transaction | Refusal {
  const command = parsePathCommand(line, { name: 'MAIL FROM' });
  if (command === undefined) return syntax('5.5.4', 'Syntax: MAIL FROM:<address> [parameters]');
  const { parameters, address, why } = command;
  const refused = judgeParameters(command, rules.messageSize);
  if (refused !== undefined) return refused;
  if (command.needsUtf8) return refusal(553, '5.6.7', 'utf8', 'This sender address needs SMTPUTF8 at MAIL');
  if (why !== undefined) return refusal(501, '5.1.7', 'sender-syntax', `Bad sender address: ${why}`);
  if (address !== undefined && UNSENDABLE.test(address.local))
    return refusal(553, '5.1.7', 'sender-syntax', 'This sender address cannot be passed on');
  const hold = readHold(parameters, rules.futureReleaseMs, Date.now());
  if (hold !== undefined && 'code' in hold) return hold;
  const deliverBy = readDeliverBy(parameters, rules.deliverByMs);
  if (deliverBy !== undefined && 'code' in deliverBy) return deliverBy;
  const sender = address?.address ?? '';
  const tenant = rules.tenantOf(sender);
  const closed = rules.closed() ?? (tenant === undefined ? undefined : rules.judgeTenant(tenant));
  if (closed !== undefined) return closed;
  const body = upper(parameters, 'BODY') as '7BIT' | '8BITMIME' | undefined;
  const ret = upper(parameters, 'RET') as 'FULL' | 'HDRS' | undefined;
  const envid = parameters.get('ENVID');
  return {
    sender,
    tenant,
    smtputf8: parameters.has('SMTPUTF8'),
    ...(body !== undefined && { body }),
    ...(ret !== undefined && { ret }),
    ...(typeof envid === 'string' && { envid }),
    ...(hold !== undefined && { hold }),
    ...(deliverBy !== undefined && { deliverBy }),
    recipients: new Map(),
    bytes: 0,
    accepted: 0,
  };
}

function judgeParameters(command: PathCommand, messageSize: number): Refusal | undefined {
  const { parameters, duplicate, malformed } = command;
  if (malformed !== undefined) return syntax('5.5.4', notXtext(malformed));
  if (duplicate !== undefined) return syntax('5.5.4', `${duplicate} is given twice`);
  for (const [key, value] of parameters) {
    if (!KNOWN.has(key)) return refusal(555, '5.5.4', 'parameter', 'Unknown parameter of MAIL FROM');
    if ((key === 'SMTPUTF8') !== (value === true)) return syntax('5.5.4', `Bad value of ${key}`);
  }
  return (
    judgeSize(parameters.get('SIZE'), messageSize) ??
    oneOf(parameters, 'BODY', ['7BIT', '8BITMIME']) ??
    oneOf(parameters, 'RET', ['FULL', 'HDRS']) ??
    judgeEnvid(parameters.get('ENVID'))
  );
}

/** RFC 1870 section 3: up to 20 digits. */
function judgeSize(value: string | true | undefined, messageSize: number): Refusal | undefined {
  if (typeof value !== 'string') return undefined;
  if (!/^[0-9]{1,20}$/.test(value)) return syntax('5.5.4', 'Bad value of SIZE');
  return Number(value) > messageSize ? tooLarge(messageSize) : undefined;
}

function judgeEnvid(value: string | true | undefined): Refusal | undefined {
  if (value === undefined) return undefined;
  const good = typeof value === 'string' && /^[\x20-\x7e]+$/.test(value);
  return good ? undefined : syntax('5.5.4', 'Bad value of ENVID');
}

function oneOf(parameters: Parameters, key: string, words: readonly string[]): Refusal | undefined {
  const value = upper(parameters, key);
  if (value === undefined || words.includes(value)) return undefined;
  return syntax('5.5.4', `${key} must be ${words.join(' or ')}`);
}

function upper(parameters: Parameters, key: string): string | undefined {
  const value = parameters.get(key);
  return typeof value === 'string' ? value.toUpperCase() : undefined;
}

function syntax(status: string, text: string): Refusal {
  return refusal(501, status, 'syntax', text);
}
