/**
 * What people may ask of a running supervisor, by signal or over the control socket: stop, reload, resize, status.
 * Reloads happen one after the other; the first request to stop is orderly, the second is at once.
 */
import { EX } from '../base/sysexits.ts';
import { errorText } from '../base/text.ts';
import type { ControlAnswer, ControlRequest } from '../process/control.ts';
import type { Options } from './options.ts';
import type { User } from './privileges.ts';
import { reload } from './reload.ts';
import { loadAgain, writeConfig } from './start-up.ts';
import { gatherStatus } from './status.ts';
import { killAll, stopInOrder } from './stop.ts';
import type { Supervisor } from './supervisor.ts';

export interface DeskOptions {
  readonly supervisor: Supervisor;
  readonly options: Options;
  readonly user: User | undefined;
  readonly version: string;
}

/** Between the answer to a request to stop and the stop. */
const LAST_WORDS_MS = 50;

/** npm and timeout(1) pass on a signal that the whole group got anyway: that is one request, not two. */
const ECHO_MS = 1000;

export class Desk {
  readonly #means: DeskOptions;
  #reloading: Promise<readonly string[]> = Promise.resolve([]);
  #stoppedAt: number | undefined;

  constructor(means: DeskOptions) {
    this.#means = means;
  }

  /** Ends the process with this status when the last worker is gone. */
  stop(status: number = EX.OK): void {
    const { supervisor } = this.#means;
    const now = performance.now();
    if (this.#stoppedAt !== undefined) {
      if (now - this.#stoppedAt > ECHO_MS) killAll(supervisor, 'second request to stop');
      return;
    }
    this.#stoppedAt = now;
    supervisor.log('info', 'stopping', {});
    stopInOrder(supervisor).then(
      () => process.exit(status),
      (error: unknown) => {
        process.stderr.write(`mailfarmd: ${errorText(error)}\n`);
        process.exit(EX.SOFTWARE);
      },
    );
  }

  /** The problems of the new configuration; empty when it was taken over. Never rejects. */
  reload(): Promise<readonly string[]> {
    this.#reloading = this.#reloading.then(() => this.#reloadOnce());
    return this.#reloading;
  }

  async answer(request: ControlRequest): Promise<ControlAnswer> {
    const { supervisor, version } = this.#means;
    if (request.verb === 'status') return gatherStatus(supervisor, version);
    if (request.verb === 'resize') return supervisor.resize(request.farm, request.least, request.most);
    if (request.verb === 'recover') {
      supervisor.injections.writerGone(request.since);
      supervisor.injections.request('orphans');
      return { ok: true };
    }
    if (request.verb === 'kill') return supervisor.strike(request.pid, request.signal);
    if (request.verb === 'stop') {
      setTimeout(() => this.stop(), LAST_WORDS_MS);
      return { ok: true };
    }
    const problems = await this.reload();
    if (problems.length === 0) return { ok: true };
    return { ok: false, why: 'the new configuration was not taken over', problems };
  }

  async #reloadOnce(): Promise<readonly string[]> {
    const { supervisor, options, user } = this.#means;
    try {
      const done = await reload({
        supervisor,
        load: () => loadAgain(options),
        write: (config) => writeConfig(config, user),
      });
      return done.problems;
    } catch (error) {
      supervisor.log('error', 'reload-failed', { why: errorText(error) });
      return [errorText(error)];
    }
  }
}
