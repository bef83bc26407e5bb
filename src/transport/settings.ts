/** The part of the configuration that a transport worker needs, apart from its channel's own. Durations in ms. */

/** SMTP and LMTP towards next hops. */
export interface SessionSettings {
  /** Our name in EHLO, and the name by which an MX record that points at us is known. */
  readonly hostname: string;
  readonly connectMs: number;
  readonly greetingMs: number;
  /** For the reply to any one command. */
  readonly commandMs: number;
  /** For the content and the reply to its end. */
  readonly dataMs: number;
  /** How long a session without work stays open. */
  readonly idleMs: number;
  readonly messagesPerConnection: number;
  readonly port: number;
  readonly tls: 'opportunistic' | 'none';
  readonly family: 'any' | 'ipv4' | 'ipv6';
  /** Deliver also where MX records lead to loopback or private addresses. */
  readonly allowPrivate: boolean;
  /** DNS servers, as `192.0.2.1:53`; empty: those of the system. */
  readonly resolvers: readonly string[];
}
