/** Asks on a terminal before a verb does to many messages what is not easily undone. */
import { createInterface } from 'node:readline';
import type { Context } from '../common/context.ts';
import type { WorkingVerb } from './work.ts';

const DESTRUCTIVE: ReadonlySet<WorkingVerb> = new Set(['delete', 'bounce']);
/** So many messages are not asked about. */
export const UNASKED = 100;

/** The verb would ask if there are many: nobody said yes, and there is somebody to ask. */
export function wouldAsk(context: Context, verb: WorkingVerb, yes: boolean): boolean {
  const stdin = context.stdin as { readonly isTTY?: boolean };
  return DESTRUCTIVE.has(verb) && !yes && stdin.isTTY === true && context.err.isTerminal;
}

/** True when the answer is yes. No answer, for want of input or by the signal, is no. */
export async function confirm(
  context: Context,
  question: { readonly verb: WorkingVerb; readonly count: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const { verb, count, signal } = question;
  if (signal.aborted) return false;
  await context.err.write(`queue: ${verb} ${count} messages? [y/N] `);
  const lines = createInterface({ input: context.stdin, terminal: false, signal });
  try {
    for await (const line of lines) return /^\s*y(?:es)?\s*$/i.test(line);
    return false;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}
