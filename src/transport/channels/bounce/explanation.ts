/**
 * The part of a report that people read: what happened, why, and what they can do.
 *
 * Written for somebody who knows nothing of mail systems; the exact words of the next hop follow each explanation.
 */
import { oneLine } from '../../../base/text.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { mailDate, wrap } from './fields.ts';
import type { Report, ReportedRecipient } from './report.ts';

const WIDTH = 72;

/** By status (RFC 3463), the longest beginning that fits: why, and what to do. */
const ADVICE: readonly (readonly [string, string])[] = [
  ['1.10', 'The domain says that it takes no mail. Ask the recipient for another address.'],
  ['1.2', 'The domain of this address does not exist. Check the part after the @ for a mistake in writing.'],
  ['1', 'The address does not exist, or not any more. Check it for a mistake in writing, or ask the recipient.'],
  ['2.2', 'The mailbox is full. Tell the recipient in another way, and send the message again later.'],
  ['2.3', 'The message is too large for this mailbox. Send less at once, or share the files in another way.'],
  ['2', 'The mailbox does not take the message. Tell the recipient in another way.'],
  [
    '3.4',
    "The message is too large for the recipient's mail system. Send less at once, or share the files in another way.",
  ],
  ['4.6', 'The mail went in circles. This needs the administrator of one of the mail systems; show them this report.'],
  [
    '4.7',
    'The mail system of the recipient could not be reached for too long. Check the part after the @, or try again later.',
  ],
  ['4', 'The mail system of the recipient could not be reached. Check the part after the @, or try again later.'],
  ['6.7', 'The address has letters that the mail system of the recipient cannot handle. Ask for another address.'],
  [
    '7',
    'The mail system of the recipient refused the message by its rules. Its own words below may say which; the recipient, or their administrator, can change that.',
  ],
  [
    '',
    'The mail system of the recipient did not take the message. Its own words below say more; show them to your administrator.',
  ],
];

/** Instead of the last advice, where no other system has spoken: an operator gave the message up, or we did. */
const GIVEN_UP_HERE =
  'It was given up here; the words below say why. Ask the administrator of this mail system for more.';

/** Text with CRLF line ends, UTF-8. */
export function explain(report: Report): string {
  const paragraphs = [opening(report), ...report.recipients.map(aboutRecipient), closing(report)];
  return `${paragraphs.join('\r\n\r\n')}\r\n`;
}

function opening({ kind, hostname, envelope }: Report): string {
  const of = `your message of ${mailDate(envelope.received)}`;
  const what =
    kind === 'failed'
      ? `${of} could not be delivered to the recipients below. It will not be tried again for them.`
      : `${of} has not been delivered to the recipients below yet. You need not send it again.`;
  return paragraph(`This is the mail system of ${hostname}: ${what}`);
}

function aboutRecipient({ address, reply }: ReportedRecipient): string {
  const said = `${reply.code} ${reply.status} ${reply.text}`;
  const words = reply.remote === undefined ? said : `${reply.remote} said: ${said}`;
  const lines = [`<${oneLine(address)}>`, ...indent(adviceFor(reply)), ...indent(oneLine(words, 1400))];
  return lines.join('\r\n');
}

function closing({ kind, envelope, lifetime }: Report): string {
  if (kind === 'failed') {
    return paragraph(
      'The report for programs and your message, or its header, are attached. This mail was made by a program: nobody reads an answer to it.',
    );
  }
  return paragraph(
    `Delivery is tried until ${mailDate(envelope.received + lifetime)}. If it has not worked by then, you will be told.`,
  );
}

/** For a delayed message, and one that waited too long, only the reason is of use, not the class. */
function adviceFor({ status, remote }: Reply): string {
  const detail = status.slice(2);
  const fits = ([prefix]: readonly [string, string]): boolean =>
    prefix === '' || detail === prefix || detail.startsWith(`${prefix}.`);
  const [prefix, advice] = ADVICE.find(fits) ?? ['', ''];
  return prefix === '' && remote === undefined ? GIVEN_UP_HERE : advice;
}

function paragraph(text: string): string {
  return wrap(text, WIDTH).join('\r\n');
}

function indent(text: string): string[] {
  return wrap(text, WIDTH - 4).map((line) => `    ${line}`);
}
