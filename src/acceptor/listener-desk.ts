/** What one listener's sessions ask: may I come in, may I send this, and what is written down about me. */
import type { Config, Listener } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { oneLine } from '../base/text.ts';
import type { Client } from '../config/tenant-finder.ts';
import type { Origin } from '../mail/envelope.ts';
import type { FarmConnection, SessionDesk } from './connection.ts';
import { deliverByKeyword } from './deliver-by.ts';
import { futureReleaseKeyword } from './future-release.ts';
import type { IntakeRules } from './intake.ts';
import type { RecipientPolicy } from './recipient-policy.ts';
import type { Incoming } from './reception.ts';
import type { Refusal } from './replies.ts';
import type { SessionClock } from './session-clock.ts';
import type { SessionLimits } from './session-limits.ts';
import type { TenantDesk } from './tenant-desk.ts';
import { envelopeOf } from './transaction.ts';

/** What all listeners of a worker share. */
export interface DeskState {
  readonly config: Config;
  readonly log: Logger;
  readonly limits: SessionLimits;
  readonly clock: SessionClock;
  readonly policy: RecipientPolicy;
  readonly tenants: TenantDesk;
  /** Clients of this address may relay. */
  readonly isTrusted: (ip: string) => boolean;
  readonly closed: () => Refusal | undefined;
  /** Figures. */
  accepted: number;
  refused: number;
}

export class Desk implements SessionDesk {
  readonly #listener: Listener;
  readonly #state: DeskState;
  readonly messageSize: number;
  readonly futureReleaseMs: number;
  readonly deliverByMs: number;
  readonly recipients: number;
  readonly success: SessionDesk['success'];
  readonly connections: number;
  readonly errors: number;
  readonly commandMs: number;
  readonly dataMs: number;
  readonly sessionMs: number;
  readonly policy: RecipientPolicy;
  readonly closed: () => Refusal | undefined;
  readonly isTrusted: (ip: string) => boolean;
  readonly judgeTenant: (tenant: string) => Refusal | undefined;

  constructor(listener: Listener, state: DeskState) {
    const { limits } = state.config;
    this.#listener = listener;
    this.#state = state;
    this.messageSize = limits.messageSize;
    this.futureReleaseMs = listener.role !== 'mx' && listener.protocol === 'smtp' ? limits.futureReleaseMs : 0;
    this.deliverByMs = listener.protocol === 'smtp' ? limits.deliverByMs : 0;
    this.recipients = limits.recipients;
    this.success = state.config.bounce.success;
    this.connections = state.limits.most;
    this.errors = limits.errors;
    this.commandMs = limits.commandMs;
    this.dataMs = limits.dataMs;
    this.sessionMs = limits.sessionMs;
    this.policy = state.policy;
    this.closed = state.closed;
    this.judgeTenant = (tenant) => state.tenants.judge(tenant);
    // Who reaches a Unix socket was let in by the mode of its folder. A TCP client without an address is gone already.
    this.isTrusted = listener.address.startsWith('unix:') ? () => true : state.isTrusted;
  }

  admit(connection: FarmConnection): Refusal | undefined {
    this.#state.clock.add(connection);
    return this.#state.limits.enter(connection.remoteAddress, connection.trusted);
  }

  leave(connection: FarmConnection): void {
    this.#state.clock.delete(connection);
    this.#state.limits.leave(connection.remoteAddress);
  }

  extensions(trusted: boolean): readonly string[] {
    if (!trusted) return [];
    return [
      ...(this.futureReleaseMs > 0 ? [futureReleaseKeyword(this.futureReleaseMs, Date.now())] : []),
      ...(this.deliverByMs > 0 ? [deliverByKeyword(this.deliverByMs)] : []),
    ];
  }

  admitHandshake(ip: string): (() => void) | undefined {
    const { limits, log } = this.#state;
    const refused = limits.enter(ip, this.isTrusted(ip));
    if (refused === undefined) return () => limits.leave(ip);
    limits.leave(ip);
    this.#state.refused += 1;
    const { reason, code, text } = refused;
    log.info('refused', { reason, code, text, ip, listener: this.#listener.name ?? this.#listener.address });
    return undefined;
  }

  refused(connection: FarmConnection, { reason, code, text }: Refusal, recipient?: string): void {
    this.#state.refused += 1;
    this.#state.log.info('refused', {
      reason,
      code,
      text,
      ip: connection.remoteAddress,
      helo: connection.hostNameAppearsAs || undefined,
      sender: connection.transaction?.sender,
      recipient: recipient === undefined ? undefined : oneLine(recipient, 300),
      listener: this.#listener.name ?? this.#listener.address,
    });
  }

  tenantOf(connection: FarmConnection, sender: string): string | undefined {
    return this.#state.tenants.ofSender(clientOf(connection), sender);
  }

  /** The envelope and trace of the message that begins now. */
  incoming(connection: FarmConnection): Incoming {
    const { transaction } = connection;
    if (transaction === undefined) throw new TypeError('data without a transaction');
    const received = Date.now();
    const origin = this.#origin(connection);
    const [only] = transaction.recipients.values();
    const tls = connection.tlsOptions === false ? undefined : connection.tlsOptions;
    return {
      envelope: envelopeOf(transaction, origin, received),
      envelopeBytes: transaction.bytes,
      trace: {
        by: this.#state.config.hostname,
        with: this.#protocolOf(connection),
        date: received,
        ...(origin.helo !== undefined && { from: origin.helo }),
        ...(origin.ip !== undefined && { ip: origin.ip }),
        ...(transaction.recipients.size === 1 && only !== undefined && { for: only.address }),
        ...(tls !== undefined && { tls: `${tls.version} ${tls.name}` }),
      },
    };
  }

  contentRules(connection: FarmConnection): IntakeRules {
    const { hostname, limits } = this.#state.config;
    const { lineEnds, filters, role } = this.#listener;
    const { messageSize, headerSize, hops } = limits;
    const submission = role !== 'mx' && connection.trusted;
    const rules = { hostname, lineEnds, filters, messageSize, headerSize, hops, submission };
    if (connection.transaction?.tenant !== undefined) return rules;
    return { ...rules, tenantOf: this.#state.tenants.ofHeader, judgeTenant: this.judgeTenant };
  }

  #origin(connection: FarmConnection): Origin {
    return {
      via: this.#listener.protocol,
      listener: this.#listener.name ?? this.#listener.address,
      ...(connection.remoteAddress !== '' && { ip: connection.remoteAddress }),
      ...(connection.hostNameAppearsAs && { helo: connection.hostNameAppearsAs }),
    };
  }

  /** RFC 3848 and RFC 6531 section 4.3. */
  #protocolOf(connection: FarmConnection): string {
    const utf8 = connection.transaction?.smtputf8 === true ? 'UTF8' : '';
    if (this.#listener.protocol === 'lmtp') return `${utf8}LMTP${connection.secure ? 'S' : ''}`;
    const extended = connection.openingCommand === 'EHLO' && utf8 === '' ? 'E' : '';
    return `${utf8}${extended}SMTP${connection.secure ? 'S' : ''}`;
  }
}

function clientOf({ remoteAddress, trusted }: FarmConnection): Client {
  return { trusted, ...(remoteAddress !== '' && { ip: remoteAddress }) };
}
