/**
 * Messages that a command took out of play, by the connection that took them. Until the command says forget, its end gives them
 * back: a command that dies leaves nothing undone. What it sends to a router stays claimed until it comes from there, for the same
 * reason.
 */
import type { Claimed } from '../ipc/messages.ts';
import { hasOwnFile, idOfHandle } from '../queue/handle.ts';
import type { Conductor } from './conductor.ts';
import { newPart, recipientsOf, stripPart, type Message, type PartFacts } from './work.ts';

interface Claim {
  /** Whose it is: another's end does not touch it. */
  readonly by: object;
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
  /** Claimed or reserved, and on their way here by a router. */
  readonly #coming = new Set<string>();

  /** `isDeleted`: the message is in the deleted queue by now. */
  constructor(conductor: Conductor, isDeleted: (id: string) => boolean = () => false) {
    this.#conductor = conductor;
    this.#isDeleted = isDeleted;
  }

  /** Recipients that commands have. */
  get recipients(): number {
    let sum = 0;
    for (const claim of this.#claims.values()) sum += sizeOf(claim);
    return sum;
  }

  /** Messages that commands have. */
  get size(): number {
    return this.#claims.size;
  }

  /** `by`: who asks, and may ask again. */
  claim(ids: readonly string[], by: object = this): Omit<Claimed, 't' | 'n'> {
    const result = { ids: [] as string[], busy: [] as string[], unknown: [] as string[] };
    for (const id of ids) {
      const free = (this.#reserved.get(id) ?? by) === by && !this.#coming.has(id);
      const what = free ? this.#claimOne(id, by) : 'busy';
      if (what === 'unknown') this.#reserved.set(id, by);
      result[what].push(id);
    }
    return result;
  }

  /** The command is done with these: they are held, deleted, or taken afresh. */
  forget(ids: readonly string[], probe = false): void {
    const { ledger } = this.#conductor;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      this.#claims.delete(id);
      this.#reserved.delete(id);
      this.#coming.delete(id);
      ledger.claimed.delete(id);
      // Whatever a command does to a message, it moved it into the tree before.
      if (!claim) continue;
      this.#conductor.lent(claim.message, sizeOf(claim));
      ledger.noteInTree(claim.message.facts.handle);
      if (probe) {
        const { tenant } = claim.message.facts;
        for (const { facts } of claim.parts) this.#conductor.probe(facts.hop, tenant);
      }
    }
  }

  /** The command hands these to a router, which hands them on to us. */
  expect(ids: readonly string[]): void {
    for (const id of ids) if (this.#claims.has(id) || this.#reserved.has(id)) this.#coming.add(id);
  }

  /** This handle was handed on: if it is what was expected, its claim ends. An older handle, of a record, is not what a command sends. */
  arrives(handle: string): void {
    const id = idOfHandle(handle);
    if (hasOwnFile(handle) && this.#coming.has(id)) this.forget([id]);
  }

  /** Puts them back to work as they were, except for what the command did before it ended. */
  giveBack(ids: readonly string[], by: object = this): void {
    for (const id of ids) {
      const claim = this.#claims.get(id);
      if ((claim?.by ?? this.#reserved.get(id)) !== by) continue;
      this.#reserved.delete(id);
      this.#coming.delete(id);
      if (claim) this.#giveBackOne(id, claim);
    }
  }

  #giveBackOne(id: string, claim: Claim): void {
    const { ledger } = this.#conductor;
    this.#claims.delete(id);
    ledger.claimed.delete(id);
    if (this.#isDeleted(id)) {
      this.#conductor.lent(claim.message, sizeOf(claim));
      return ledger.noteInTree(claim.message.facts.handle);
    }
    ledger.doubt(claim.message.facts.handle);
    const message = ledger.revive(id, claim.message.facts, claim.message.stays);
    const parts = claim.parts.map(({ facts, due }) => ({ part: newPart(message, facts), due }));
    const now = this.#conductor.clock.ticks();
    for (const { part, due } of parts) this.#conductor.place(part, due - now);
  }

  #claimOne(id: string, by: object): 'ids' | 'busy' | 'unknown' {
    const { ledger, parking } = this.#conductor;
    if (ledger.claimed.has(id)) return 'busy';
    const active = ledger.get(id);
    if (active && [...active.parts].some((part) => part.inFlight)) return 'busy';
    const before = active ? [...active.parts].map((part) => ({ facts: stripPart(part), due: part.due ?? 0 })) : [];
    if (active) this.#conductor.withdraw(active);
    const parked = parking.takeOfMessage(id);
    const message = parked[0]?.part.message ?? active;
    if (!message) return 'unknown';
    const parts = [...before, ...parked.map(({ part, due }) => ({ facts: stripPart(part), due }))];
    ledger.release(message);
    ledger.claimed.add(id);
    this.#claims.set(id, { by, message, parts });
    return 'ids';
  }
}

function sizeOf({ parts }: Claim): number {
  return parts.reduce((sum, { facts }) => sum + recipientsOf(facts), 0);
}
