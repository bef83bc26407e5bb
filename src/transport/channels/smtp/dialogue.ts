/**
 * One mail transaction with a next hop, from MAIL to the answer to its content: what to say, and what each reply was.
 *
 * With PIPELINING, MAIL, every RCPT and DATA leave in one write (RFC 2920), else each after the answer to the one before. Only
 * 354 opens the content, and content is never sent for nobody. It decides nothing: the transcript is judged by judge.ts.
 *
 * States: envelope → content → final → done. In `final` everything is said, so the connection may begin the next dialogue:
 * replies come in the order of the commands (RFC 2920 section 3.1).
 */
import type { Readable } from 'node:stream';
import type { DeliverBy } from '../../../mail/envelope.ts';
import { deliverByParameter } from './deliver-by.ts';
import { encodeXtext } from './dsn-parameters.ts';
import { newTranscript, type Transcript } from './transcript.ts';

/** One mail transaction: who to whom, with which parameters. */
export interface Transaction {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** What stands in RCPT for a recipient, where that is not its address in the queue. */
  readonly onWire?: ((recipient: string) => string) | undefined;
  /** Bytes of content. */
  readonly size: number;
  readonly eightBit: boolean;
  readonly smtputf8: boolean;
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly envid?: string | undefined;
  readonly deliverBy?: DeliverBy | undefined;
  /** Parameters of RCPT by recipient, ready for the wire, if the next hop offers DSN. */
  readonly rcptParameters: ReadonlyMap<string, string>;
  readonly content: Buffer | Readable;
  /** The content is known to need no change (see Envelope.plain). */
  readonly plain: boolean;
}

export type Extension = 'SMTPUTF8' | 'DSN' | '8BITMIME' | 'PIPELINING' | 'SIZE';
type Heard = (reply: string) => void;

/** What a dialogue needs of its connection. */
export interface DialogueLine {
  readonly lmtp: boolean;
  offers(extension: Extension): boolean;
  /** The next hop knows of DELIVERBY (RFC 2852). */
  takesDeliverBy(): boolean;
  /** Writes commands, CRLF included; each of `heard` gets the reply to one of them. */
  say(commands: string, heard: readonly Heard[]): void;
  /** Replies are there that nobody asked for yet. */
  hasEarlyReplies(): boolean;
  /** Sends content and its end mark; calls back when the end mark left. */
  sendContent(transaction: Pick<Transaction, 'content' | 'plain'>, sent: () => void): void;
  /** Ends the connection: nobody knows any more what the other end takes for what. */
  breakOff(): void;
}

export interface DialogueEnds {
  /** Everything is said; only the answer to the content is to come. */
  readonly sent: (transcript: Transcript) => void;
  readonly done: (transcript: Transcript) => void;
}

export class Dialogue {
  readonly transcript = newTranscript();
  readonly #transaction: Transaction;
  readonly #line: DialogueLine;
  readonly #ends: DialogueEnds;
  readonly #accepted: string[] = [];
  #done = false;

  constructor(transaction: Transaction, line: DialogueLine, ends: DialogueEnds) {
    this.#transaction = transaction;
    this.#line = line;
    this.#ends = ends;
  }

  /** Everything is said, and the answer is awaited. */
  get awaitsFinal(): boolean {
    return this.transcript.dotSent && !this.#done;
  }

  begin(): void {
    const { recipients } = this.#transaction;
    const mail = mailCommand(this.#transaction, this.#line);
    if (!this.#line.offers('PIPELINING')) return this.#line.say(mail, [(reply) => this.#heardMail(reply)]);
    const commands = recipients.map((recipient) => this.#rcptCommand(recipient));
    this.#line.say(`${mail}${commands.join('')}${DATA}`, [
      (reply) => (this.transcript.mail = reply),
      ...recipients.map(
        (recipient): Heard =>
          (reply) =>
            this.#noteRcpt(recipient, reply),
      ),
      (reply) => this.#heardData(reply),
    ]);
  }

  /** The dialogue ends here, whatever was still to come. */
  end(error?: Error): void {
    if (this.#done) return;
    this.#done = true;
    if (error) this.transcript.error ??= error;
    const { content } = this.#transaction;
    if (!Buffer.isBuffer(content)) content.destroy();
    this.#ends.done(this.transcript);
  }

  /** Without PIPELINING. */
  #heardMail(reply: string): void {
    this.transcript.mail = reply;
    if (isPositive(reply)) this.#sayRcpt(0);
    else this.end(new Error(`sender refused: ${reply}`));
  }

  #sayRcpt(index: number): void {
    const recipient = this.#transaction.recipients[index];
    if (recipient !== undefined) {
      this.#line.say(this.#rcptCommand(recipient), [
        (reply) => {
          this.#noteRcpt(recipient, reply);
          this.#sayRcpt(index + 1);
        },
      ]);
    } else if (this.#accepted.length > 0) this.#line.say(DATA, [(reply) => this.#heardData(reply)]);
    else this.end(new Error('all recipients refused'));
  }

  #noteRcpt(recipient: string, reply: string): void {
    this.transcript.rcpt.set(recipient, reply);
    if (isPositive(reply)) this.#accepted.push(recipient);
  }

  #heardData(reply: string): void {
    const { transcript } = this;
    transcript.data = reply;
    if (!reply.startsWith('354')) {
      if (/^[23]/.test(reply)) this.#break('no 354 in reply to DATA');
      else this.end(new Error(`DATA refused: ${reply}`));
    } else if (!isPositive(transcript.mail)) this.#break('354 although the sender was refused');
    else if (this.#line.hasEarlyReplies()) this.#break('reply before the content was sent');
    else if (this.#accepted.length > 0) this.#sendContent();
    // It should have refused: an empty message to nobody leaves the session usable.
    else this.#line.say(END, [() => this.end(new Error('all recipients refused'))]);
  }

  #sendContent(): void {
    const { transcript } = this;
    transcript.bodyBegun = true;
    this.#line.say('', this.#finals());
    this.#line.sendContent(this.#transaction, () => {
      transcript.dotSent = true;
      if (!this.#done) this.#ends.sent(transcript);
    });
  }

  /** SMTP answers once, LMTP once for each recipient that it accepted (RFC 2033 section 4.2). */
  #finals(): Heard[] {
    const { transcript } = this;
    if (!this.#line.lmtp) return [(reply) => ((transcript.final = reply), this.end())];
    return this.#accepted.map((recipient, at): Heard => (reply) => {
      transcript.finals.set(recipient, reply);
      if (at === this.#accepted.length - 1) this.end();
    });
  }

  #break(why: string): void {
    this.end(new Error(why));
    this.#line.breakOff();
  }

  #rcptCommand(recipient: string): string {
    const parameters = this.#line.offers('DSN') ? this.#transaction.rcptParameters.get(recipient) : undefined;
    const path = this.#transaction.onWire?.(recipient) ?? recipient;
    return `RCPT TO:<${path}>${parameters === undefined ? '' : ` ${parameters}`}\r\n`;
  }
}

const DATA = 'DATA\r\n';
const END = '.\r\n';
const NON_ASCII = /[\u0080-\uffff]/;

function mailCommand(transaction: Transaction, line: DialogueLine): string {
  const { sender, recipients, size, eightBit, smtputf8, ret, envid } = transaction;
  let command = `MAIL FROM:<${sender}>`;
  if (eightBit && line.offers('8BITMIME')) command += ' BODY=8BITMIME';
  if (size > 0 && line.offers('SIZE')) command += ` SIZE=${size}`;
  if ((ret !== undefined || envid !== undefined) && line.offers('DSN')) {
    if (ret !== undefined) command += ` RET=${ret}`;
    if (envid !== undefined) command += ` ENVID=${encodeXtext(envid)}`;
  }
  const { deliverBy } = transaction;
  if (deliverBy !== undefined && line.takesDeliverBy()) command += ` ${deliverByParameter(deliverBy, Date.now())}`;
  // For addresses, and for header fields, which may need it where no address does (RFC 6531 section 3.4).
  const wanted = smtputf8 || NON_ASCII.test(sender) || recipients.some((recipient) => NON_ASCII.test(recipient));
  if (wanted && line.offers('SMTPUTF8')) command += ' SMTPUTF8';
  return `${command}\r\n`;
}

function isPositive(reply: string | undefined): boolean {
  return reply?.startsWith('2') === true;
}
