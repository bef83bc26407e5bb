/** The part of the configuration that a transport worker needs, apart from its channel's own. */
import type { SmtpOut } from '../config/config.ts';

/** SMTP and LMTP towards next hops. */
export interface SessionSettings extends SmtpOut {
  /** Our name in EHLO, and the name by which an MX record that points at us is known. */
  readonly hostname: string;
}
