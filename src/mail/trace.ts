/**
 * Header lines that Mailfarm writes itself: Received, Return-Path, Date, Message-ID. Each ends in CRLF.
 *
 * Everything that comes from outside (HELO name, reverse name, user, addresses) passes through a narrow list of
 * allowed characters first: a field that could smuggle a line break, a comment's end or a tag is blunted, never
 * trusted. No line is longer than 998 characters (RFC 5322 section 2.1.1).
 */

export interface Trace {
  /** What the client called itself; absent for mail made on this machine. */
  readonly from?: string;
  /** Client's address without port. */
  readonly ip?: string;
  /** Client's name by reverse lookup. */
  readonly rdns?: string;
  /** Our host name. */
  readonly by: string;
  /** Protocol as registered for WITH (RFC 3848, RFC 6531): SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP, UTF8SMTP, … */
  readonly with: string;
  /** Queue id. */
  readonly id: string;
  /** The recipient, where the message has only one. */
  readonly for?: string;
  /** Milliseconds since 1970. */
  readonly date: number;
  /** Authenticated or local user. */
  readonly user?: string;
  /** TLS version and cipher, as `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly tls?: string;
}

/** The Received line of RFC 5321 section 4.4. */
export function receivedHeader(trace: Trace): string {
  const parts = [...fromParts(trace)];
  if (trace.tls !== undefined) parts.push(`(using ${comment(trace.tls)})`);
  if (trace.user !== undefined)
    parts.push(`(${trace.ip === undefined ? 'user' : 'authenticated as'} ${comment(trace.user)})`);
  parts.push(
    `by ${hostToken(trace.by)} (Mailfarm) with ${trace.with.replace(/[^A-Z0-9]/gi, '')} id ${hostToken(trace.id)}`,
  );
  if (trace.for !== undefined && isPlainAddress(trace.for)) parts.push(`for <${trace.for}>`);
  return `Received: ${parts.join('\r\n\t')};\r\n\t${formatDate(trace.date)}\r\n`;
}

/** The Date line of a message that came without (RFC 6409 section 8.1). */
export function dateHeader(ms: number): string {
  return `Date: ${formatDate(ms)}\r\n`;
}

/** The Message-ID line of a message that came without (RFC 6409 section 8.3). */
export function messageIdHeader(id: string, hostname: string): string {
  return `Message-ID: <${hostToken(id)}@${hostToken(hostname)}>\r\n`;
}

/** The Return-Path line that final delivery puts on top (RFC 5321 section 4.4); '' is the null sender. */
export function returnPathHeader(sender: string): string {
  return `Return-Path: <${addressText(sender)}>\r\n`;
}

/** RFC 5322 section 3.3, always in UTC: `Sun, 22 Nov 2026 08:45:29 +0000`. */
export function formatDate(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}

function fromParts(trace: Trace): string[] {
  if (trace.from === undefined && trace.ip === undefined) return [];
  const name = `from ${hostToken(trace.from ?? '')}`;
  if (trace.ip === undefined) return [name];
  const literal = trace.ip.includes(':') ? `[IPv6:${hostToken(trace.ip)}]` : `[${hostToken(trace.ip)}]`;
  return [name, trace.rdns === undefined ? `(${literal})` : `(${hostToken(trace.rdns)} ${literal})`];
}

/** A name that may stand bare in Received: letters, digits and `.-_:[]`; the rest becomes `?`. */
function hostToken(text: string): string {
  return text.slice(0, 255).replace(/[^A-Za-z0-9.\-_:[\]]/g, '?') || 'unknown';
}

/** Text within a comment: printable ASCII but for what ends or escapes a comment, or looks like markup. */
function comment(text: string): string {
  return text.slice(0, 255).replace(/[^\x20-\x7e]|[()\\<>]/g, '?');
}

/** Anything else (SMTPUTF8, or not parsed) is left out of Received: it is optional there. */
function isPlainAddress(address: string): boolean {
  return address.length <= 254 && /^[\x20-\x3b\x3d\x3f-\x7e]+$/.test(address);
}

/** Line breaks, control and invisible characters cannot be in a parsed address; they and angle brackets become `?`. */
function addressText(address: string): string {
  return address.slice(0, 320).replace(/[\p{C}\p{Zl}\p{Zp}<>]/gu, '?');
}
