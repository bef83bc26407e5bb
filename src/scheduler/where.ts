/** What messages in the scheduler's hands wait for, told to whoever asks: their own time, or that of their bin, and its trouble. */
import type { WhereBin, WherePart } from '../ipc/insight.ts';
import type { Bin, BinLine } from './bins.ts';
import type { Conductor } from './conductor.ts';
import { MOST_AHEAD, type Place } from './line.ts';
import { isSuspect } from './suspects.ts';
import type { PartFacts, WorkPart } from './work.ts';

/** Recipients of one answer: a frame has room for them. */
const MOST_RECIPIENTS = 10_000;
/** Parts that one answer looks at to tell places in line: nothing else is done meanwhile. */
const MOST_LOOKS = 20_000;

/** What one answer that looks closely has told and may still do. */
interface Closely {
  readonly bins: Map<Bin, WhereBin>;
  looks: number;
}

/**
 * Of each message that is known here, its parts. Reports and warnings that are still to be written are no recipients of it. `closely`
 * also tells of their bins, and of their places in line, which are counted: for few messages. After MOST_LOOKS no more places are told.
 */
export function whereAre(ids: readonly string[], conductor: Conductor, close = false): WherePart[] {
  const closely = close ? { bins: new Map(), looks: 0 } : undefined;
  const parts: WherePart[] = [];
  let room = MOST_RECIPIENTS;
  for (const id of ids) {
    for (const part of partsOf(id, conductor, closely)) {
      room -= part.to.length;
      if (room < 0) return parts;
      parts.push(part);
    }
  }
  return parts;
}

/** A part, the tick of the scheduler's clock that it waits for (0: none), and how many its line gives out before it. */
interface Waiting {
  readonly facts: Pick<PartFacts, 'hop' | 'to' | 'notBefore'>;
  readonly tenant: string;
  readonly due: number;
  readonly place: (line: BinLine) => Place;
  readonly suspect: boolean;
}

function partsOf(id: string, conductor: Conductor, closely: Closely | undefined): WherePart[] {
  const inMemory = [...(conductor.ledger.get(id)?.parts ?? [])].filter(isOfMessage);
  const inIndex = conductor.parking.rowsOf(id).filter(({ facts }) => isOfMessage(facts));
  return [
    ...inMemory.map((part) =>
      part.inFlight ? inDelivery(id, part) : describe(id, fromMemory(part), conductor, closely),
    ),
    ...inIndex.map(({ facts, tenant, due, ahead }) => {
      const place = (line: BinLine): Place => {
        const rows = ahead();
        return { ahead: Math.min(MOST_AHEAD, line.length + rows), looks: rows };
      };
      const suspect = isSuspect({ blame: facts.blame ?? 0 });
      return describe(id, { facts, tenant, due, place, suspect }, conductor, closely);
    }),
  ];
}

function inDelivery(id: string, { hop, to }: WorkPart): WherePart {
  return { id, hop, to, inDelivery: true };
}

function fromMemory(part: WorkPart): Waiting {
  const { tenant } = part.message.facts;
  return { facts: part, tenant, due: part.due ?? 0, place: (line) => line.placeOf(part), suspect: isSuspect(part) };
}

function describe(id: string, waiting: Waiting, conductor: Conductor, closely: Closely | undefined): WherePart {
  const { homes, clock } = conductor;
  const { hop, to, notBefore = 0 } = waiting.facts;
  const bin = homes.bins.find(hop, homes.tenants.of(waiting.tenant));
  const { until = 0, trouble } = bin ?? {};
  const tick = Math.max(until, waiting.due);
  const time = Math.max(tick > 0 ? clock.timeOf(tick) : 0, notBefore);
  return {
    id,
    hop,
    to,
    ...(time > 0 ? { until: time } : {}),
    ...(until > 0 && trouble ? { trouble } : {}),
    ...(closely && bin ? lookClosely(waiting, bin, conductor, closely) : {}),
  };
}

function lookClosely(waiting: Waiting, bin: Bin, { clock, homes }: Conductor, closely: Closely): Partial<WherePart> {
  const seen = closely.bins.get(bin) ?? describeBin(bin, clock);
  closely.bins.set(bin, seen);
  const line = bin.findLine(homes.tenants.of(waiting.tenant));
  const itsTurn = bin.until === 0 && waiting.due === 0;
  return {
    bin: seen,
    ...(itsTurn && line ? countAhead(waiting, line, closely) : {}),
    ...(itsTurn && line?.stalled ? { limited: true } : {}),
    ...(waiting.suspect ? { suspect: true } : {}),
  };
}

function countAhead(waiting: Waiting, line: BinLine, closely: Closely): Pick<WherePart, 'ahead'> {
  if (closely.looks >= MOST_LOOKS) return {};
  const { ahead, looks } = waiting.place(line);
  closely.looks += looks;
  return { ahead };
}

function describeBin(bin: Bin, clock: Conductor['clock']): WhereBin {
  const tenants = [...bin.lines].length;
  return {
    waiting: bin.waiting,
    lanes: bin.lanes.size,
    inDelivery: [...bin.lanes].reduce((sum, lane) => sum + lane.inFlight, 0),
    troubles: bin.troubles,
    ...(bin.until > 0 ? { until: clock.timeOf(bin.until) } : {}),
    ...(tenants > 1 ? { tenants } : {}),
  };
}

function isOfMessage({ kind }: Pick<PartFacts, 'kind'>): boolean {
  return kind !== 'delayed';
}
