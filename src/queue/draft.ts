/**
 * A message on its way into the queue.
 *
 * States: gathering (in memory, or streaming into tmp/ once it is large) → staged (readable, not accepted) → committed,
 * quarantined or discarded. The instant of commitment: for a small message the sync of its journal record, or of the accept
 * record after a staged one; for a large one the sync of the folder that its file was renamed into.
 */
import type { Envelope } from '../mail/envelope.ts';
import type { LargeFile } from './large-file.ts';
import type { Committer } from './committer.ts';
import type { Draft, Handle, QueueId } from './store.ts';
import type { Appended } from './append-log.ts';

interface Changes {
  readonly prepend?: string;
  readonly replaced?: boolean;
}

export class MessageDraft implements Draft {
  readonly id: QueueId;
  readonly #committer: Committer;
  #size = 0;
  #chunks: Uint8Array[] = [];
  #large: LargeFile | undefined;
  #staged: Appended | undefined;

  constructor(id: QueueId, committer: Committer) {
    this.id = id;
    this.#committer = committer;
  }

  get size(): number {
    return this.#size;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#size += chunk.length;
    if (this.#large) return this.#committer.writeLarge(this.#large, chunk);
    this.#chunks.push(chunk);
    return this.#size > this.#committer.inlineBytes ? this.#spill() : undefined;
  }

  async stage(envelope: Envelope): Promise<Handle> {
    if (this.#large) return this.#committer.stageLarge(this.id, this.#large, envelope);
    this.#staged = await this.#committer.append({ id: this.id, envelope, chunks: this.#chunks, staged: true });
    return this.#committer.handleAt(this.id, this.#staged);
  }

  async commit(envelope: Envelope, changes: Changes = {}): Promise<Handle> {
    const changed = changes.replaced === true || (changes.prepend !== undefined && changes.prepend !== '');
    if (changed) return this.#commitChanged(envelope, changes);
    if (this.#large) return this.#committer.commitLarge(this.id, this.#large, envelope);
    if (this.#staged) {
      const accepted = await this.#committer.accept(this.#staged);
      if (accepted) return this.#committer.handleAt(this.id, this.#staged);
      this.#committer.abandonStaged(this.#staged);
    }
    const place = await this.#committer.append({ id: this.id, envelope, chunks: this.#chunks, staged: false });
    return this.#committer.handleAt(this.id, place);
  }

  async quarantine(envelope: Envelope, why: string): Promise<Handle> {
    const large = this.#large ?? (await this.#toFile(this.#chunks));
    if (this.#staged) this.#committer.abandonStaged(this.#staged);
    return this.#committer.commitHeld(this.id, large, { envelope, why });
  }

  async discard(): Promise<void> {
    if (this.#staged) this.#committer.abandonStaged(this.#staged);
    this.#chunks = [];
    await this.#large?.discard();
    await this.#committer.dropReplacement(this.id);
  }

  async #spill(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#large = this.#committer.newLargeFile(this.id);
    for (const chunk of chunks) await this.#committer.writeLarge(this.#large, chunk);
  }

  async #toFile(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<LargeFile> {
    const large = this.#committer.newLargeFile(this.id);
    for await (const chunk of chunks) await this.#committer.writeLarge(large, chunk);
    return large;
  }

  /** Changed content is a new message under the same id: what was staged is forgotten. */
  async #commitChanged(envelope: Envelope, changes: Changes): Promise<Handle> {
    if (this.#staged) this.#committer.abandonStaged(this.#staged);
    this.#staged = undefined;
    const old = this.#large;
    const fresh = new MessageDraft(this.id, this.#committer);
    // What the acceptor saw was other content.
    const { plain: _, ...known } = envelope;
    const handle = await this.#fill(fresh, changes)
      .then(() => fresh.commit(known))
      .catch(async (error: unknown) => {
        await fresh.discard();
        throw error;
      });
    this.#large = undefined;
    // Accepted by now: what cannot be removed any more is left to the sweep.
    await old?.discard().catch(() => undefined);
    await this.#committer.dropReplacement(this.id).catch(() => undefined);
    return handle;
  }

  async #fill(fresh: MessageDraft, changes: Changes): Promise<void> {
    if (changes.prepend) await fresh.write(Buffer.from(changes.prepend));
    for await (const chunk of await this.#contentAfter(changes, this.#large)) await fresh.write(chunk);
  }

  async #contentAfter(
    changes: Changes,
    old: LargeFile | undefined,
  ): Promise<Iterable<Uint8Array> | AsyncIterable<Uint8Array>> {
    if (changes.replaced) return this.#committer.openReplacement(this.id);
    return old ? old.read() : this.#chunks;
  }
}
