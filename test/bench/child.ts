/** Generator and sink as children of the benchmark: forked, asked, and ended with it, however it ends. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Child implements Disposable {
  readonly #child: ChildProcess;
  readonly #script: string;

  /** `script` beside this file, as `sink.ts`. */
  constructor(script: string) {
    this.#script = script;
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = fork(path, { execArgv: ['--disable-warning=ExperimentalWarning'], env: plainEnvironment() });
    this.#child = child;
    children.add(child);
    child.once('exit', () => children.delete(child));
  }

  /** Sends an order, or nothing, and resolves with the first message after it. Rejects at the deadline, or when it ended. */
  ask(order: object | undefined, deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage).off('exit', onExit);
        settle();
      };
      const fail = (why: string): void => finish(() => reject(new Error(`${this.#script} ${why}`)));
      const onMessage = (message: unknown): void => finish(() => resolve(message));
      const onExit = (): void => fail('ended');
      const timer = setTimeout(() => fail(`did not answer within ${deadlineMs} ms`), deadlineMs);
      this.#child.on('message', onMessage).on('exit', onExit);
      if (order !== undefined) this.#child.send(order, (error) => error !== null && fail(error.message));
    });
  }

  /** Sends an order that is not answered. */
  tell(order: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.send(order, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** What is set to look into the farm's processes is not meant for ours. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return environment;
}
