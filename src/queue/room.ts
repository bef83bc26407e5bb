/**
 * Is there room on the disk? Answers from memory, at most a second old; asks the file system only when somebody asks us, so
 * an idle farm asks nothing.
 */
import fs from 'node:fs/promises';

export interface RoomOptions {
  readonly path: string;
  /** Least free bytes and inodes for an unprivileged writer. */
  readonly freeSpace: number;
  readonly freeInodes: number;
}

const MAX_AGE_MS = 1000;

export class Room {
  readonly #options: RoomOptions;
  #ok = true;
  #checked = 0;
  #checking = false;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  hasRoom(): boolean {
    if (performance.now() - this.#checked > MAX_AGE_MS && !this.#checking) void this.refresh();
    return this.#ok;
  }

  /** A write found the disk full: refuse until the file system says otherwise. */
  noteFull(): void {
    this.#ok = false;
    this.#checked = performance.now();
  }

  async refresh(): Promise<void> {
    this.#checking = true;
    try {
      const { bavail, bsize, ffree, files } = await fs.statfs(this.#options.path);
      // Some file systems count no inodes: they report 0 in all.
      this.#ok = bavail * bsize >= this.#options.freeSpace && (files === 0 || ffree >= this.#options.freeInodes);
    } catch {
      this.#ok = false;
    }
    this.#checking = false;
    this.#checked = performance.now();
  }
}
