/**
 * The far future: recipients that wait for their time, or for room in the scheduler's memory. A scratch database that is made anew
 * whenever the scheduler starts and filled again by the injector: the files are the truth, this is only an index into them.
 *
 * A row waits either for a time (`due` > 0), or for its bin (`due` = 0: the bin as a whole waits, or its window is full).
 */
import Database from 'better-sqlite3';
import { rmSync } from 'node:fs';
import { errorText } from '../base/text.ts';

export interface WaitingRow {
  readonly id: string;
  readonly bin: string;
  /** Whole milliseconds by any clock that the owner goes by, above 0; or 0 to wait for the bin. */
  readonly due: number;
  /** What the scheduler wants back, opaque here. */
  readonly data: string;
  /** Counted in `recipients`. */
  readonly recipients: number;
}

const SCHEMA = `
  CREATE TABLE waiting (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, bin TEXT NOT NULL, due INTEGER NOT NULL, data TEXT NOT NULL,
    recipients INTEGER NOT NULL);
  CREATE INDEX by_due ON waiting (due) WHERE due > 0;
  CREATE INDEX by_bin ON waiting (bin) WHERE due = 0;
  CREATE INDEX by_id ON waiting (id);
`;

type Row = WaitingRow & { readonly seq: number };

/** Rows before one of its bin that are counted at most: a look must not hold up whoever owns the index. */
const COUNTED = 10_000;

/** Opens an empty index at `path`; in memory where no file can be made there: mail goes on, whatever is with a scratch file. */
export function openWaitingIndex(path: string, onTrouble: (why: string) => void): WaitingIndex {
  try {
    return new WaitingIndex(path);
  } catch (error) {
    onTrouble(errorText(error));
    return new WaitingIndex(':memory:');
  }
}

export class WaitingIndex {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement;
  readonly #due: Database.Statement;
  readonly #ofBin: Database.Statement;
  readonly #ofId: Database.Statement;
  readonly #next: Database.Statement;
  readonly #move: Database.Statement;
  readonly #before: Database.Statement;
  readonly #delete: (rows: readonly Row[]) => void;
  #size = 0;
  #recipients = 0;

  /** Opens an empty index at `path`, or in memory with ':memory:'. */
  constructor(path: string) {
    if (path !== ':memory:')
      for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    this.#db = new Database(path);
    // A crash throws the index away, so nothing in it needs to be safe from one; a full disk must leave it whole.
    this.#db.pragma('journal_mode = MEMORY');
    this.#db.pragma('synchronous = OFF');
    this.#db.pragma('locking_mode = EXCLUSIVE');
    this.#db.pragma('cache_size = -8192');
    this.#db.exec(SCHEMA);
    this.#insert = this.#db.prepare('INSERT INTO waiting (id, bin, due, data, recipients) VALUES (?, ?, ?, ?, ?)');
    this.#due = this.#db.prepare('SELECT * FROM waiting WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?');
    this.#ofBin = this.#db.prepare('SELECT * FROM waiting WHERE due = 0 AND bin = ? ORDER BY seq LIMIT ?');
    this.#ofId = this.#db.prepare('SELECT * FROM waiting WHERE id = ?');
    this.#next = this.#db.prepare('SELECT min(due) AS due FROM waiting WHERE due > 0');
    this.#move = this.#db.prepare('UPDATE waiting SET bin = ? WHERE due = 0 AND bin = ?');
    this.#before = this.#db.prepare(
      'SELECT count(*) AS rows FROM (SELECT 1 FROM waiting WHERE due = 0 AND bin = ? AND seq < ? LIMIT ?)',
    );
    const remove = this.#db.prepare('DELETE FROM waiting WHERE seq = ?');
    // All or none: what fails midway must not take rows away that nobody gets.
    this.#delete = this.#db.transaction((rows: readonly Row[]) => {
      for (const { seq } of rows) remove.run(seq);
    });
  }

  /** Rows that wait. */
  get size(): number {
    return this.#size;
  }

  /** Messages that have rows: one look at each row. */
  countMessages(): number {
    return (this.#db.prepare('SELECT count(DISTINCT id) AS messages FROM waiting').get() as { messages: number })
      .messages;
  }

  /** Recipients in all rows. */
  get recipients(): number {
    return this.#recipients;
  }

  add(row: WaitingRow): void {
    this.#insert.run(row.id, row.bin, row.due, row.data, row.recipients);
    this.#size += 1;
    this.#recipients += row.recipients;
  }

  /** Takes rows whose time has come, oldest first. */
  takeDue(now: number, limit: number): WaitingRow[] {
    return this.#size === 0 ? [] : this.#take(this.#due.all(now, limit) as Row[]);
  }

  /** Takes rows that wait for a bin, in the order in which they came. */
  takeOfBin(bin: string, limit: number): WaitingRow[] {
    return this.#size === 0 ? [] : this.#take(this.#ofBin.all(bin, limit) as Row[]);
  }

  /** What waits for one bin waits for another from now on. */
  moveBin(from: string, to: string): void {
    if (this.#size > 0) this.#move.run(to, from);
  }

  /** Takes every row of a message. */
  takeOfId(id: string): WaitingRow[] {
    return this.#size === 0 ? [] : this.#take(this.#ofId.all(id) as Row[]);
  }

  /** Every row of a message, which stay. */
  rowsOfId(id: string): (WaitingRow & { readonly seq: number })[] {
    return this.#size === 0 ? [] : (this.#ofId.all(id) as Row[]);
  }

  /** Rows that its bin takes before this one, 10,000 at most. */
  countBefore({ bin, seq }: { readonly bin: string; readonly seq: number }): number {
    return (this.#before.get(bin, seq, COUNTED) as { rows: number }).rows;
  }

  hasId(id: string): boolean {
    return this.#size > 0 && this.#ofId.get(id) !== undefined;
  }

  /** When the next row is due, or undefined. */
  nextDue(): number | undefined {
    if (this.#size === 0) return undefined;
    return (this.#next.get() as { due: number | null }).due ?? undefined;
  }

  close(): void {
    this.#db.close();
  }

  #take(rows: Row[]): WaitingRow[] {
    if (rows.length > 0) this.#delete(rows);
    this.#size -= rows.length;
    for (const { recipients } of rows) this.#recipients -= recipients;
    return rows;
  }
}
