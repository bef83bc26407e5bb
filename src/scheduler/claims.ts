/**
 * Messages that a command took out of play, by the connection that took them. Until the command says forget, its end gives them
 * back: a command that dies leaves nothing undone.
 */
import type { Claimed } from '../ipc/messages.ts';
import type { Conductor } from './conductor.ts';
import { newPart, stripPart, type Message, type PartFacts } from './work.ts';

interface Claim {
  readonly message: Message;
  /** What there is to do, and the tick of the scheduler's clock that it waits for; 0 for none. */
  readonly parts: readonly { readonly facts: PartFacts; readonly due: number }[];
}

export class Claims {
  readonly #conductor: Conductor;
  readonly #isDeleted: (id: string) => boolean;
  readonly #claims = new Map<string, Claim>();
  /** Not known here, as what is held, and asked for by a command: no other one gets it meanwhile. It may still be handed on. */
  readonly #reserved = new Map<string, object>();

  /** `isDeleted`: the message is in the deleted queue by now. */
  constructor(conductor: Conductor, isDeleted: (id: string) => boolean = () => false) {
    this.#conductor = conductor;
    this.#isDeleted = isDeleted;
  }

  /** `by`: who asks, and may ask again. */
  claim(ids: readonly string[], by: object = this): Omit<Claimed, 't' | 'n'> {
    const result = { ids: [] as string[], busy: [] as string[], unknown: [] as string[] };
    for (const id of ids) {
      const what = (this.#reserved.get(id) ?? by) === by ? this.#claimOne(id) : 'busy';
      if (what === 'unknown') this.#reserved.set(id, by);
      result[what].push(id);
    }
    return result;
  }

  /** The command is done with these: they are held, deleted, or handed on afresh. */
  forget(ids: readonly string[], probe = false): void {
    const { ledger } = this.#conductor;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      this.#claims.delete(id);
      this.#reserved.delete(id);
      ledger.claimed.delete(id);
      // Whatever a command does to a message, it moved it into the tree before.
      if (!claim) continue;
      ledger.noteInTree(claim.message.facts.handle);
      if (probe) for (const { facts } of claim.parts) this.#conductor.probe(facts.hop);
    }
  }

  /** Puts them back to work as they were, except for what the command did before it ended. */
  giveBack(ids: readonly string[]): void {
    const { ledger } = this.#conductor;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      this.#reserved.delete(id);
      if (!claim) continue;
      this.#claims.delete(id);
      ledger.claimed.delete(id);
      if (this.#isDeleted(id)) {
        ledger.noteInTree(claim.message.facts.handle);
        continue;
      }
      ledger.doubt(claim.message.facts.handle);
      const message = ledger.revive(id, claim.message.facts, claim.message.stays);
      const parts = claim.parts.map(({ facts, due }) => ({ part: newPart(message, facts), due }));
      const now = this.#conductor.clock.ticks();
      for (const { part, due } of parts) this.#conductor.place(part, due - now);
    }
  }

  #claimOne(id: string): 'ids' | 'busy' | 'unknown' {
    const { ledger, parking } = this.#conductor;
    if (ledger.claimed.has(id)) return 'busy';
    const active = ledger.get(id);
    if (active && [...active.parts].some((part) => part.inFlight)) return 'busy';
    const before = active ? [...active.parts].map((part) => ({ facts: stripPart(part), due: 0 })) : [];
    if (active) this.#conductor.withdraw(active);
    const parked = parking.takeOfMessage(id);
    const message = parked[0]?.part.message ?? active;
    if (!message) return 'unknown';
    const parts = [...before, ...parked.map(({ part, due }) => ({ facts: stripPart(part), due }))];
    ledger.release(message);
    ledger.claimed.add(id);
    this.#claims.set(id, { message, parts });
    return 'ids';
  }
}
