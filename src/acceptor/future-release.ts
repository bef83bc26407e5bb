/**
 * FUTURERELEASE (RFC 4865): the client says before which time a message must not be delivered, at most so long ahead.
 *
 * HOLDFOR is in seconds from our acceptance, HOLDUNTIL a time (RFC 3339 section 5.6, with any offset: errata 2040). It is offered to
 * those who may relay only: anybody else could fill the queue for a month.
 */
import type { Parameters } from './envelope-command.ts';
import { refusal, type Refusal } from './replies.ts';

/** What the client wishes: so many ms after acceptance, or at a time in ms since 1970. */
export type Hold = { readonly holdFor: number } | { readonly holdUntil: number };

const INTERVAL = /^[1-9][0-9]{0,8}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;
/** Clients read the announced time before they send. */
const SLACK_MS = 60_000;

/** As it stands in the answer to EHLO; `most` and `now` in ms. */
export function futureReleaseKeyword(most: number, now: number): string {
  const latest = new Date(now + most).toISOString().replace(/\.\d+Z$/, 'Z');
  return `FUTURERELEASE ${Math.floor(most / 1000)} ${latest}`;
}

/** The wish of a MAIL command, what is wrong with it, or undefined for none. `most`: ms ahead at most; 0: not offered. */
export function readHold(parameters: Parameters, most: number, now: number): Hold | Refusal | undefined {
  const [interval, time] = [parameters.get('HOLDFOR'), parameters.get('HOLDUNTIL')];
  if (interval === undefined && time === undefined) return undefined;
  if (most === 0) return refusal(555, '5.5.4', 'parameter', 'FUTURERELEASE is not offered to you here');
  if (interval !== undefined && time !== undefined) return wrong('HOLDFOR and HOLDUNTIL exclude each other');
  if (interval !== undefined) {
    if (interval === true || !INTERVAL.test(interval)) return wrong('HOLDFOR takes 1 to 999999999 seconds');
    const holdFor = Number(interval) * 1000;
    return holdFor > most ? tooLate(most) : { holdFor };
  }
  const holdUntil = time === true || time === undefined || !DATE_TIME.test(time) ? Number.NaN : Date.parse(time);
  if (Number.isNaN(holdUntil)) return wrong('HOLDUNTIL takes a time such as 2030-01-31T08:00:00Z');
  if (holdUntil <= now) return wrong('The time of HOLDUNTIL is past');
  return holdUntil > now + most + SLACK_MS ? tooLate(most) : { holdUntil };
}

function tooLate(most: number): Refusal {
  return wrong(`Messages are held for ${Math.floor(most / 1000)} seconds at most`);
}

/** RFC 4865 section 4: a syntax error in parameters. */
function wrong(text: string): Refusal {
  return refusal(501, '5.5.4', 'future-release', text);
}
