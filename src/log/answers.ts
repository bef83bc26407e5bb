/**
 * Tells each client how many of its lines are in the file, so that it may forget them: `COUNT\n`, counted over its connection.
 *
 * Nobody is woken for a line: an answer goes out a few times a second, or when a client asked for one by an empty line
 * and nothing of it waits any more. A client that does not read gets one answer less, not a longer buffer.
 */
import type net from 'node:net';

/** The longest that news wait for a client that did not ask, in ms. */
const NEWS_MS = 250;
/** Pieces of one client that may wait for the file and are told apart. */
const MAX_MARKS = 1000;

export interface Account {
  readonly socket: net.Socket;
  /** Lines that came so far. */
  lines: number;
  /** Wants an answer when all of them are in the file. */
  asked: boolean;
  /** Of a number of lines of all clients, how many were this one's; oldest first, one for each piece that came. */
  marks: { readonly taken: number; readonly lines: number }[];
  settled: number;
  told: number;
}

export class Answers {
  readonly #accounts = new Set<Account>();
  #settled = 0;
  #timer: NodeJS.Timeout | undefined;
  #hurry = false;

  open(socket: net.Socket): Account {
    const account: Account = { socket, lines: 0, asked: false, marks: [], settled: 0, told: 0 };
    this.#accounts.add(account);
    return account;
  }

  forget(account: Account): void {
    this.#accounts.delete(account);
  }

  /** A piece of the client was taken in; `taken` lines of all clients came so far. */
  note(account: Account, taken: number): void {
    const { marks, lines } = account;
    if (lines > (marks.at(-1)?.lines ?? account.settled)) {
      // What is known of the last piece alone is known later, and never too early.
      if (marks.length >= MAX_MARKS) marks.pop();
      marks.push({ taken, lines });
    }
    this.#look(account);
  }

  /** The first `count` lines of all are in the file. */
  settled(count: number): void {
    this.#settled = count;
    for (const account of this.#accounts) this.#look(account);
  }

  /** The end is near: from now on there is news at once. */
  hurry(): void {
    this.#hurry = true;
    for (const account of this.#accounts) this.#tell(account);
  }

  #look(account: Account): void {
    const { marks } = account;
    let first = 0;
    for (; first < marks.length && (marks[first]?.taken ?? 0) <= this.#settled; first += 1) {
      account.settled = marks[first]?.lines ?? account.settled;
    }
    if (first > 0) account.marks = marks.slice(first);
    if (this.#hurry || (account.asked && account.marks.length === 0)) this.#tell(account);
    else if (account.settled > account.told) this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const account of this.#accounts) this.#tell(account);
    }, NEWS_MS).unref();
  }

  /**
   * To a client that died since we last read, this fails and closes the socket, with what it wrote last unread: so much
   * it would also have lost by dying a moment before.
   */
  #tell(account: Account): void {
    const { socket, settled } = account;
    if (account.marks.length === 0) account.asked = false;
    if (settled === account.told || !socket.writable) return;
    if (socket.writableLength > 0) return this.#tellSoon();
    account.told = settled;
    socket.write(`${settled}\n`);
  }
}
