/**
 * The part of nodemailer's SMTP connection that its types do not show and that connection.ts overrides.
 *
 * Everything Mailfarm depends on beyond nodemailer's documented interface is named here. Written against nodemailer 10.6; an
 * update that renames one of these breaks test/unit/transport/channels/smtp at once.
 */
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import SMTPConnection, { type Options } from 'nodemailer/lib/smtp-connection';

type Heard = (reply: string) => void;

export interface Internals {
  readonly _socket: Socket | false | null;
  /** What hears the replies that are to come, in the order of the commands. */
  readonly _responseActions: Heard[];
  /** Replies received and not looked at, the last one perhaps incomplete. */
  readonly _responseQueue: string[];
  /** Bytes of a line not complete yet. */
  readonly _remainder: string;
  readonly _supportedExtensions: string[];
  /** From the SIZE extension; 0: no limit known. */
  readonly _maxAllowedSize: number;
  lastServerResponse: string | false;
  /** Taken off the socket when the connection ends. */
  _currentDataStream: Writable | false;
  readonly _destroyed: boolean;
  _onError(error: Error, type: string, response: string | false, command: string): void;
  _processResponse(): boolean | void;
  _parseEhloExtensions(answer: string): void;
}

/** nodemailer's class with its internals in sight. */
export const ConnectionBase = SMTPConnection as unknown as new (options: Options) => SMTPConnection & Internals;

export type ConnectionOptions = Options;
