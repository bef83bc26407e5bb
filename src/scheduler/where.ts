/** What messages in the scheduler's hands wait for, told to whoever asks: their own time, or that of their bin, and its trouble. */
import type { WherePart } from '../ipc/insight.ts';
import type { Conductor } from './conductor.ts';
import type { PartFacts } from './work.ts';

/** Recipients of one answer: a frame has room for them. */
const MOST_RECIPIENTS = 10_000;

/** Of each message that is known here, its parts. Reports and warnings that are still to be written are no recipients of it. */
export function whereAre(ids: readonly string[], conductor: Conductor): WherePart[] {
  const parts: WherePart[] = [];
  let room = MOST_RECIPIENTS;
  for (const id of ids) {
    for (const part of partsOf(id, conductor)) {
      room -= part.to.length;
      if (room < 0) return parts;
      parts.push(part);
    }
  }
  return parts;
}

function partsOf(id: string, conductor: Conductor): WherePart[] {
  const { ledger, parking, homes, clock } = conductor;
  const { bins, tenants } = homes;
  const describe = ({ hop, to }: Pick<PartFacts, 'hop' | 'to'>, tenant: string, due: number): WherePart => {
    const { until = 0, trouble } = bins.find(hop, tenants.of(tenant)) ?? {};
    const tick = Math.max(until, due);
    return {
      id,
      hop,
      to,
      ...(tick > 0 ? { until: clock.timeOf(tick) } : {}),
      ...(until > 0 && trouble ? { trouble } : {}),
    };
  };
  const inMemory = [...(ledger.get(id)?.parts ?? [])].filter(isOfMessage);
  const inIndex = parking.rowsOf(id).filter(({ facts }) => isOfMessage(facts));
  return [
    ...inMemory.map((part) =>
      part.inFlight
        ? { id, hop: part.hop, to: part.to, inDelivery: true }
        : describe(part, part.message.facts.tenant, part.due ?? 0),
    ),
    ...inIndex.map(({ facts, tenant, due }) => describe(facts, tenant, due)),
  ];
}

function isOfMessage({ kind }: Pick<PartFacts, 'kind'>): boolean {
  return kind !== 'delayed';
}
