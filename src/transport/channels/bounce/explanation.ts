/** The part of a report that people read: what happened, why, and what they can do, with the exact words of the next hop. */
import { oneLine } from '../../../base/text.ts';
import { adviceFor } from './advice.ts';
import { mailDate, wrap } from './fields.ts';
import { triedUntil, type Report, type ReportedRecipient } from './report.ts';

const WIDTH = 72;
/** Recipients that are explained one by one; the part for programs names all. */
const MAX_EXPLAINED = 50;

/** Text with CRLF line ends, UTF-8. */
export function explain(report: Report): string {
  const explained = report.recipients.slice(0, MAX_EXPLAINED);
  const more = report.recipients.length - explained.length;
  const paragraphs = [
    paragraph(`This is the mail system of ${report.hostname}: ${opening(report)}`),
    ...explained.map(aboutRecipient),
    ...(more > 0 ? [paragraph(`And ${more} more: the attached report for programs names all of them.`)] : []),
    paragraph(closing(report)),
  ];
  return `${paragraphs.join('\r\n\r\n')}\r\n`;
}

function opening({ kind, double, envelope }: Report): string {
  const date = mailDate(envelope.received);
  if (double)
    return `a report that it made on ${date} could not be delivered to its reader either, and will not be tried again. You get it as the postmaster: nobody else will hear of it.`;
  return `your message of ${date} ${WHAT[kind]}`;
}

const WHAT = {
  failed: 'could not be delivered to the recipients below. It will not be tried again for them.',
  delayed: 'has not been delivered to the recipients below yet. You need not send it again.',
  delivered: 'is in the mailboxes of the recipients below. You asked to be told so.',
  relayed:
    'was handed to the next mail system for the recipients below. You asked to be told; from there on nobody may tell you more.',
  expanded:
    'went on to the addresses that the names below stand for. You asked to be told; of each of these addresses you will hear only when delivery to it fails.',
} as const;

function aboutRecipient({ address, reply }: ReportedRecipient): string {
  const said = `${reply.code} ${reply.status} ${reply.text}`;
  const words = reply.remote === undefined ? said : `${reply.remote} said: ${said}`;
  const advice = reply.code < 400 ? [] : indent(adviceFor(reply));
  return [`<${oneLine(address)}>`, ...advice, ...indent(oneLine(words, 1400))].join('\r\n');
}

function closing(report: Report): string {
  const { kind, double, cutAt } = report;
  if (kind === 'delayed') {
    const until = mailDate(triedUntil(report));
    return `Delivery is tried until ${until}. If it has not worked by then, you will be told.`;
  }
  const what = double ? 'that report' : 'your message';
  const attached =
    cutAt === undefined
      ? `The report for programs and ${what}, or its header, are attached.`
      : `The report for programs and the header of ${what} are attached; all of it is larger than the ${cutAt} bytes that come back at most.`;
  return `${attached} This mail was made by a program: nobody reads an answer to it.`;
}

function paragraph(text: string): string {
  return wrap(text, WIDTH).join('\r\n');
}

function indent(text: string): string[] {
  return wrap(text, WIDTH - 4).map((line) => `    ${line}`);
}
