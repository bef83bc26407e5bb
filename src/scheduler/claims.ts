/**
 * Messages that a command took out of play, by the connection that took them. Until the command says forget, its end gives them
 * back: a command that dies leaves nothing undone.
 */
import type { Claimed } from '../ipc/messages.ts';
import type { Conductor } from './conductor.ts';
import { newPart, stripPart, type Message, type PartFacts } from './work.ts';

interface Claim {
  readonly message: Message;
  readonly facts: readonly PartFacts[];
}

export class Claims {
  readonly #conductor: Conductor;
  readonly #claims = new Map<string, Claim>();

  constructor(conductor: Conductor) {
    this.#conductor = conductor;
  }

  claim(ids: readonly string[]): Omit<Claimed, 't' | 'n'> {
    const result = { ids: [] as string[], busy: [] as string[], unknown: [] as string[] };
    for (const id of ids) result[this.#claimOne(id)].push(id);
    return result;
  }

  /** The command is done with these: they are held, deleted, or handed on afresh. */
  forget(ids: readonly string[], probe = false): void {
    const { ledger } = this.#conductor;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      this.#claims.delete(id);
      ledger.claimed.delete(id);
      // Whatever a command does to a message, it moved it into the tree before.
      if (!claim) continue;
      ledger.noteInTree(claim.message.facts.handle);
      if (probe) for (const { hop } of claim.facts) this.#conductor.probe(hop);
    }
  }

  /** Puts them back to work as they were. */
  giveBack(ids: readonly string[]): void {
    const { ledger } = this.#conductor;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      if (!claim) continue;
      this.#claims.delete(id);
      ledger.claimed.delete(id);
      const message = ledger.revive(id, claim.message.facts, claim.message.stays);
      const parts = claim.facts.map((facts) => newPart(message, facts));
      for (const part of parts) this.#conductor.place(part, 0);
    }
  }

  #claimOne(id: string): 'ids' | 'busy' | 'unknown' {
    const { ledger, parking } = this.#conductor;
    if (ledger.claimed.has(id)) return 'busy';
    const active = ledger.get(id);
    if (active && [...active.parts].some((part) => part.inFlight)) return 'busy';
    const before = active ? [...active.parts].map(stripPart) : [];
    if (active) this.#conductor.withdraw(active);
    const parked = parking.takeOfMessage(id);
    const message = parked[0]?.message ?? active;
    if (!message) return 'unknown';
    const facts = [...before, ...parked.map(stripPart)];
    ledger.release(message);
    ledger.claimed.add(id);
    this.#claims.set(id, { message, facts });
    return 'ids';
  }
}
