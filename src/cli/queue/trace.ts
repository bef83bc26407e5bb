/**
 * trace: the life of one message, from the log and the queue. The log remembers what has long left the queue.
 */
import { EX } from '../../base/sysexits.ts';
import { formatPlain } from '../../log/plain.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../common/context.ts';
import { printTable } from '../common/table.ts';
import { formatTime } from '../common/units.ts';
import { describeState, messageJson, recipientColumns } from './describe.ts';
import { readLogLines } from './log-lines.ts';
import { seenByFarm } from './farm-view.ts';
import { selectId } from './selectors.ts';
import { findMessages } from './source.ts';

export interface Tracing {
  readonly context: Context;
  readonly config: Config;
  /** A farm runs. */
  readonly live: boolean;
  readonly id: string;
  readonly json: boolean;
  /** Of the command, for what it says of trouble. */
  readonly name: string;
}

/** `queue trace ID` and `mailfarm trace ID`. */
export async function traceMessage(tracing: Tracing): Promise<number> {
  const { context, id, json, name } = tracing;
  const parsed = selectId(id);
  if (!parsed.ok) {
    await context.err.line(`${name}: ${parsed.why}`);
    return EX.USAGE;
  }
  const { lines, cut } = await readLogLines(id.toLowerCase());
  for (const { time, text } of lines) {
    if (!(await context.out.line(json ? text : `${dayOf(time)} ${formatPlain(text, { colour: false })}`))) return EX.OK;
  }
  if (cut) await context.err.line(`${name}: there are more lines; look into the log folder`);
  const queued = await printQueued(tracing, parsed.selector);
  if (!queued && lines.length > 0 && !json) await context.out.line('not in the queue now');
  if (lines.length > 0 || queued) return EX.OK;
  await context.err.line(`${name}: neither the queue nor the log knows this message`);
  return EX.NOINPUT;
}

/** Of the clock that formatPlain() shows. */
function dayOf(time: string): string {
  return formatTime(Date.parse(time)).slice(0, 10);
}

async function printQueued(
  { context, config, live, json }: Tracing,
  selector: Parameters<typeof findMessages>[1],
): Promise<boolean> {
  for (const deleted of [false, true]) {
    const found = findMessages({ split: config.queue.split }, { ...selector, deleted }, 1);
    for await (const message of seenByFarm(found, live ? config : undefined)) {
      if (json) await context.out.json({ event: 'in-queue', ...messageJson(message, Date.now()) });
      else {
        await context.out.line(`now ${deleted ? 'in the deleted queue' : 'in the queue'}: ${describeState(message)}`);
        await printTable(context.out, recipientColumns(Date.now()), message.recipients);
      }
      return true;
    }
  }
  return false;
}
