/**
 * The part of nodemailer's SMTP connection that its types do not show and that connection.ts overrides.
 *
 * Everything Mailfarm depends on beyond nodemailer's documented interface is named here. Written against nodemailer 10.6; an
 * update that renames one of these breaks test/unit/transport/channels/smtp at once.
 */
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import SMTPConnection, { type Options } from 'nodemailer/lib/smtp-connection';

export type Answered = (error: Error | null, result?: unknown) => void;

export interface Internals {
  readonly _socket: Socket | false | null;
  readonly _responseActions: unknown[];
  /** Replies received and not looked at, the last one perhaps incomplete. */
  readonly _responseQueue: string[];
  /** Bytes of a line not complete yet. */
  readonly _remainder: string;
  readonly _supportedExtensions: string[];
  /** From the SIZE extension; 0: no limit known. */
  readonly _maxAllowedSize: number;
  /** Recipients whose reply is still to come. */
  readonly _recipientQueue: string[];
  readonly _envelope: { readonly accepted: string[] } | false;
  _currentDataStream: Writable | false;
  readonly _destroyed: boolean;
  _onError(error: Error, type: string, response: string | false, command: string): void;
  _processResponse(): boolean | void;
  _sendCommand(command: string, logged?: string): void;
  _actionMAIL(reply: string, callback: Answered): void;
  _actionRCPT(reply: string, callback: Answered): void;
  _actionDATA(reply: string, callback: Answered): void;
  _actionSMTPStream(reply: string, callback: Answered): void;
  _actionLMTPStream(recipient: string, final: boolean, reply: string, callback: Answered): void;
  _createSendStream(callback: Answered): unknown;
  _getDsnRcptToArgs(): string;
}

/** nodemailer's class with its internals in sight. */
export const ConnectionBase = SMTPConnection as unknown as new (options: Options) => SMTPConnection & Internals;

export type ConnectionOptions = Options;
