/**
 * DELIVERBY (RFC 2852): within which time a message is to be delivered, and what is to happen when it is not: it is returned, or its
 * sender is told that it is late.
 */
import type { DeliverBy } from '../mail/envelope.ts';
import type { Parameters } from './envelope-command.ts';
import { refusal, type Refusal } from './replies.ts';

/** As given: seconds from acceptance, or from the time of release where there is one; not above 0 where it is late already. */
export interface DeliverByWish extends Omit<DeliverBy, 'at'> {
  readonly seconds: number;
}

const VALUE = /^([+-]?[0-9]{1,9});([RN])(T?)$/i;

/** As it stands in the answer to EHLO, with the least time of mode R. `least` in ms. */
export function deliverByKeyword(least: number): string {
  return `DELIVERBY ${Math.ceil(least / 1000)}`;
}

/** The wish of a MAIL command, what is wrong with it, or undefined for none. `least`: of mode R, in ms; 0: not offered. */
export function readDeliverBy(parameters: Parameters, least: number): DeliverByWish | Refusal | undefined {
  const value = parameters.get('BY');
  if (value === undefined) return undefined;
  if (least === 0) return refusal(555, '5.5.4', 'parameter', 'DELIVERBY is not offered to you here');
  const [, time = '', mode, trace] = (value === true ? undefined : VALUE.exec(value)) ?? [];
  if (mode === undefined) return wrong('BY takes seconds, a semicolon, and R or N, such as BY=3600;R');
  const seconds = Number(time);
  if (mode.toUpperCase() === 'N') return { seconds, mode: 'N', ...(trace && { trace: true }) };
  // Section 4: whoever passes on what is late already has to return it.
  if (seconds <= 0) return wrong('With mode R the time of BY must be above 0');
  if (seconds * 1000 < least) return wrong(`With mode R the time of BY must be ${Math.ceil(least / 1000)} or more`);
  return { seconds, mode: 'R', ...(trace && { trace: true }) };
}

function wrong(text: string): Refusal {
  return refusal(501, '5.5.4', 'deliver-by', text);
}
