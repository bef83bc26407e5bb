/**
 * Hands a message to the running farm, or to the queue on disk when no farm answers.
 *
 * Recipients that the farm has no room for in one message (452 4.5.3) go in a second one. Where a connection broke
 * before the answer, the message is queued: it may then arrive twice, but it does not get lost.
 */
import { Readable } from 'node:stream';
import { EX } from '../../base/sysexits.ts';
import { oneLine } from '../../base/text.ts';
import type { Endpoint } from '../../client/endpoint.ts';
import { formatEndpoint } from '../../client/endpoint.ts';
import type { RefusedRecipient } from '../../client/submit.ts';
import { submit } from '../../client/submit.ts';
import type { OutgoingMessage } from './message.ts';
import { isEightBit, messageSize, readContent } from './message.ts';
import type { Report } from './report.ts';
import { reportRecipients, reportRefusal } from './report.ts';

export interface Delivery {
  readonly hostname: string;
  /** Absent: the farm has no listener for own mail. */
  readonly listener: Endpoint | undefined;
  /** Seconds that the farm is to keep the message before it tries it; absent: it tries it at once. */
  readonly holdFor?: number | undefined;
  /** Puts the message into the queue on disk. */
  readonly enqueue: (message: OutgoingMessage) => Promise<Report>;
}

/** What became of it. Lines of a report with status 0 are for -v. */
export async function deliver(message: OutgoingMessage, delivery: Delivery): Promise<Report> {
  const { listener } = delivery;
  if (listener === undefined) return delivery.enqueue(message);
  const refused: RefusedRecipient[] = [];
  const taken: string[] = [];
  for (let recipients = message.recipients; ;) {
    const part = { ...message, recipients };
    const result = await submitPart(part, listener, delivery);
    if (result.kind === 'unreachable' || result.kind === 'lost') {
      const queued = await delivery.enqueue(part);
      if (queued.status !== EX.OK) return { ...queued, taken };
      if (refused.length > 0)
        return { ...reportRecipients(refused), taken: [...taken, ...linesFor(queued, recipients)] };
      return taken.length > 0 ? { lines: linesFor(queued, recipients), status: EX.OK, taken } : queued;
    }
    if (result.kind === 'refused' && result.refused.length === 0) {
      return { ...reportRefusal(result.code, result.text), taken };
    }
    const later = result.kind === 'accepted' ? result.refused.filter(isTooMany) : [];
    if (result.kind === 'accepted') {
      const others = new Set(result.refused.map((one) => one.address));
      const line = `taken by ${formatEndpoint(listener)}: ${oneLine(result.text)}`;
      const whole = recipients.length === message.recipients.length && others.size === 0;
      taken.push(
        whole
          ? line
          : forRecipients(
              line,
              recipients.filter((one) => !others.has(one)),
            ),
      );
    }
    refused.push(...result.refused.filter((one) => !later.includes(one)));
    if (later.length > 0) recipients = later.map((one) => one.address);
    else return refused.length > 0 ? { ...reportRecipients(refused), taken } : { lines: taken, status: EX.OK };
  }
}

function linesFor(queued: Report, recipients: readonly string[]): readonly string[] {
  return queued.lines.map((line) => forRecipients(line, recipients));
}

/** Of a message in several parts, each is told with its recipients. */
function forRecipients(line: string, recipients: readonly string[]): string {
  return `${line}, for ${recipients.map((one) => oneLine(one)).join(', ')}`;
}

function submitPart(
  message: OutgoingMessage,
  to: Endpoint,
  { hostname: name, holdFor }: Delivery,
): ReturnType<typeof submit> {
  return submit({
    to,
    name,
    envelope: { sender: message.sender, recipients: message.recipients },
    content: Readable.from(readContent(message), { objectMode: false }),
    size: messageSize(message),
    eightBit: isEightBit(message),
    dsn: message.dsn,
    holdFor,
  });
}

/** RFC 5321 section 4.5.3.1.10: the others of this message were taken, these want another one. */
function isTooMany(one: RefusedRecipient): boolean {
  return one.code === 452 && /\b4\.5\.3\b/.test(one.text);
}
