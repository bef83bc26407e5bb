/**
 * What a client is told, as values: a code, an enhanced status (RFC 3463) and a text that says what is wrong and what
 * to do about it. Texts never repeat what the client sent, and never tell of paths or internals.
 */

export interface Refusal {
  readonly code: number;
  readonly status: string;
  readonly text: string;
  /** Short word for the log. */
  readonly reason: string;
}

export function refusal(code: number, status: string, reason: string, text: string): Refusal {
  return { code, status, reason, text };
}

/** In the form that smtp-server wants. */
export function asReplyError(refused: Refusal): Error & { responseCode: number } {
  return Object.assign(new Error(`${refused.status} ${refused.text}`), { responseCode: refused.code });
}

/** One constant reply per known trouble; those that depend on figures are functions. */
export const REFUSALS = {
  noRoom: refusal(452, '4.3.1', 'no-room', 'The disk of this server is full; please try again later'),
  busy: refusal(451, '4.3.2', 'busy', 'Too many messages wait to be routed; please try again in a moment'),
  tenantFull: refusal(452, '4.3.1', 'tenant-full', 'Too many of your messages wait already; please try again later'),
  draining: refusal(421, '4.3.2', 'draining', 'This server process is stopping; please connect again'),
  storage: refusal(451, '4.3.0', 'storage', 'The message could not be stored; please try again later'),
  bareLineEnd: refusal(
    554,
    '5.6.0',
    'bare-line-end',
    'The message has a CR or LF that is not part of a CRLF line end (RFC 5321 section 2.3.8); please mend the sender',
  ),
  nul: refusal(554, '5.6.0', 'nul', 'The message has NUL bytes (RFC 5321 section 2.3.8); please encode it'),
  earlyData: refusal(
    554,
    '5.5.0',
    'early-data',
    'SMTP protocol synchronization error: data came before the answer to DATA',
  ),
  filterDown: refusal(451, '4.7.0', 'filter-down', 'The content check is not available; please try again later'),
  tooManyErrors: refusal(421, '4.7.0', 'errors', 'Too many errors; good bye'),
  commandTimeout: refusal(421, '4.4.2', 'command-timeout', 'No command came in time; good bye'),
  dataTimeout: refusal(421, '4.4.2', 'data-timeout', 'The message came too slowly; good bye'),
  sessionTimeout: refusal(421, '4.4.2', 'session-timeout', 'This session is old enough; please connect again'),
  connections: refusal(421, '4.3.2', 'connections', 'Too many connections to this server; please try again later'),
  clientConnections: refusal(
    421,
    '4.7.0',
    'client-connections',
    'Too many connections from your address; please use fewer',
  ),
} as const;

export function tooLarge(limit: number): Refusal {
  return refusal(552, '5.3.4', 'size', `The message is larger than the limit of ${limit} bytes`);
}

export function headerTooLarge(limit: number): Refusal {
  return refusal(552, '5.3.4', 'header-size', `The header of the message is larger than the limit of ${limit} bytes`);
}

export function tooManyHops(limit: number): Refusal {
  return refusal(
    554,
    '5.4.6',
    'hops',
    `The message has passed more than ${limit} servers (Received lines): this looks like a mail loop`,
  );
}

export const TOO_LONG_ENVELOPE = refusal(
  452,
  '4.5.3',
  'envelope-size',
  'The recipients are too long together: please send the others in another transaction',
);

export function tooManyRecipients(limit: number): Refusal {
  return refusal(
    452,
    '4.5.3',
    'recipients',
    `More than ${limit} recipients: please send the others in another transaction`,
  );
}
