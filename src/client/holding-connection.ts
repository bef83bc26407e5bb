/** nodemailer's SMTP connection, with the one parameter of MAIL that it cannot be told: HOLDFOR (RFC 4865). */
import SMTPConnection, { type Options } from 'nodemailer/lib/smtp-connection';

/** What it has inside, and its types do not tell. */
interface Inside {
  _parseEhloExtensions(answer: string): void;
  _sendCommand(command: string, shown?: string | false): void;
}

const Base = SMTPConnection as unknown as new (options: Options) => SMTPConnection & Inside;
const OFFER = /^250[ -]FUTURERELEASE (\d{1,9}) /im;

export class HoldingConnection extends Base {
  readonly #holdFor: number;
  /** Seconds that the other end holds a message at most; 0: it does not. */
  #most = 0;

  /** `holdFor`: seconds that the other end is asked to hold the message, where it offers that; as many of them as it grants. */
  constructor(options: Options, holdFor: number) {
    super(options);
    this.#holdFor = holdFor;
  }

  override _parseEhloExtensions(answer: string): void {
    this.#most = Number(OFFER.exec(answer)?.[1] ?? 0);
    super._parseEhloExtensions(answer);
  }

  override _sendCommand(command: string, shown?: string | false): void {
    const seconds = command.startsWith('MAIL FROM:') ? Math.min(this.#holdFor, this.#most) : 0;
    super._sendCommand(seconds > 0 ? `${command} HOLDFOR=${seconds}` : command, shown);
  }
}
