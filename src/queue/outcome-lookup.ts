/**
 * What the journals say became of messages, looked up one at a time. After a crash in the midst of a long queue they speak of very
 * many: so memory holds where each outcome stands, and it is read again when it is asked for.
 *
 * A segment that was removed meanwhile says nothing. By then its outcomes are in state files, or their messages are gone: ask here
 * first, and read the state file after.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { PlaceTable, type Place } from '../base/place-table.ts';
import { errorCode } from '../base/text.ts';
import type { Outcome } from '../mail/outcome.ts';
import { listSegments, readSegment, type SegmentFiles } from './known-outcomes.ts';
import { parseSegmentName, segmentPath } from './layout.ts';
import { hashOfId } from './queue-id.ts';
import { settledBy } from './settled.ts';
import { parseLine, peekLine, type RecordLine } from './record.ts';

type Kind = 'journal' | 'outcome';

/** Segments that stay open, so that the next look costs one read. */
const KEEP_OPEN = 8;
const NEWLINE = 0x0a;
const PASSED_OVER = 'damaged outcome passed over';

export class OutcomeLookup {
  readonly #files: SegmentFiles;
  readonly #paths: string[] = [];
  /** Segments by path: their number, and how far they were read. */
  readonly #read = new Map<string, { readonly file: number; end: number }>();
  readonly #places = new PlaceTable();
  /** Descriptors by number of the path. */
  readonly #open = new Map<number, number>();

  constructor(files: SegmentFiles) {
    this.#files = files;
  }

  /**
   * Notes everything in the outcome journals, and with `maxContent` the bounces in the journals of their makers. Once more: what was
   * added since. What is noted of a journal that went meanwhile is in the state files by then.
   */
  async read(maxContent?: number): Promise<void> {
    for (const name of await listSegments(this.#files.layout, 'outcome')) await this.#note('outcome', name, 0);
    if (maxContent === undefined) return;
    for (const name of await listSegments(this.#files.layout, 'journal')) {
      const bounces = parseSegmentName(name)?.worker.startsWith('bounce') === true;
      if (bounces) await this.#note('journal', name, maxContent);
    }
  }

  /** Outcomes of a message, in the order in which each segment holds them. */
  of(id: string): Outcome[] {
    return this.#places.of(hashOfId(id)).flatMap((place) => {
      const line = this.#lineAt(place);
      const record = line && parseLine(line);
      // Its sum held when it was noted.
      if (line && !record) void this.#files.onTrouble?.(basename(this.#paths[place.file] ?? ''), PASSED_OVER);
      return record
        ? toldOf(record)
            .filter((told) => told.id === id)
            .flatMap((told) => told.outcomes)
        : [];
    });
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  async #note(kind: Kind, name: string, maxContent: number): Promise<void> {
    const path = segmentPath(this.#files.layout, kind, name);
    const known = this.#read.get(path) ?? { file: this.#paths.push(path) - 1, end: 0 };
    this.#read.set(path, known);
    const { file, end: from } = known;
    const parse = kind === 'outcome' ? peekLine : undefined;
    for await (const scanned of readSegment(this.#files, kind, { name, maxContent, parse, from })) {
      // A record that is still being written is read the next time.
      if (scanned.kind === 'end') known.end = scanned.offset;
      if (scanned.kind === 'damaged' && kind === 'outcome') {
        await this.#files.onTrouble?.(name, PASSED_OVER);
      }
      if (scanned.kind !== 'record') continue;
      const { offset, raw } = scanned;
      for (const { id } of toldOf(scanned.record)) {
        this.#places.add(hashOfId(id), { file, offset, length: raw.indexOf(NEWLINE) });
      }
    }
  }

  #lineAt({ file, offset, length }: Place): Buffer | undefined {
    const fd = this.#open.get(file) ?? this.#openFile(file);
    if (fd === undefined) return undefined;
    const line = Buffer.allocUnsafe(length);
    // Read a moment ago, so it is in the page cache: a turn of the thread pool would cost many times as much.
    return readSync(fd, line, 0, length, offset) === length ? line : undefined;
  }

  #openFile(file: number): number | undefined {
    for (const [other, fd] of this.#open) {
      if (this.#open.size < KEEP_OPEN) break;
      closeSync(fd);
      this.#open.delete(other);
    }
    try {
      const fd = openSync(this.#paths[file] ?? '', constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      this.#open.set(file, fd);
      return fd;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** A report in a journal counts as an outcome too. What is staged is no message. */
function toldOf(record: RecordLine): { readonly id: string; readonly outcomes: readonly Outcome[] }[] {
  if (record.kind === 'outcomes') return [record];
  const settled = record.kind === 'message' && !record.staged ? settledBy(record.envelope) : undefined;
  return settled === undefined ? [] : [{ id: settled.id, outcomes: [settled.outcome] }];
}
