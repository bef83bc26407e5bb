/** The part of a report that programs read: message/delivery-status (RFC 3464 section 2). */
import { diagnosticCode, field, mailDate, remoteMta, typedAddress } from './fields.ts';
import { triedUntil, type Report, type ReportedRecipient } from './report.ts';

/** One group of fields about the message, then one for each recipient, with CRLF line ends. */
export function deliveryStatus(report: Report): string {
  return [aboutMessage(report), ...report.recipients.map((recipient) => aboutRecipient(report, recipient))].join(
    '\r\n',
  );
}

function aboutMessage({ hostname, envelope }: Report): string {
  const fields = [field('Reporting-MTA', `dns; ${hostname}`)];
  if (envelope.envid !== undefined) fields.unshift(field('Original-Envelope-Id', envelope.envid));
  fields.push(field('Arrival-Date', mailDate(envelope.received)));
  return fields.join('');
}

function aboutRecipient(report: Report, { address, reply, orcpt }: ReportedRecipient): string {
  const fields = [
    field('Final-Recipient', typedAddress(address)),
    field('Action', report.kind),
    field('Status', reply.status),
    // Our own words about a success tell nobody anything.
    reply.code < 400 && reply.remote === undefined ? '' : field('Diagnostic-Code', diagnosticCode(reply)),
    field('Last-Attempt-Date', mailDate(report.now)),
  ];
  if (orcpt !== undefined) fields.unshift(field('Original-Recipient', orcpt.replace(';', '; ')));
  const remote = remoteMta(reply);
  if (remote !== undefined) fields.push(field('Remote-MTA', remote));
  if (report.kind === 'delayed') fields.push(field('Will-Retry-Until', mailDate(triedUntil(report))));
  return fields.join('');
}
