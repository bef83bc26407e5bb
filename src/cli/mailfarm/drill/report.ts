/** What a drill says before it starts and when it is over: for people, or as one JSON object. */
import { EX } from '../../../base/sysexits.ts';
import type { Context } from '../../common/context.ts';
import { formatPairs, printTable, type Column } from '../../common/table.ts';
import type { Missing } from './ledger.ts';
import type { DrillPlan } from './options.ts';
import type { DrillResult, JudgedKill } from './run.ts';

/** Missing messages that are named; the others are counted. */
const NAMED = 20;

type Ending = 'ok' | 'failed' | 'unsettled';

/**
 * failed: the promise was broken. unsettled: nothing was accepted, or some of it is neither delivered nor lost when the wait is
 * over; that proves nothing.
 */
function endingOf({ verdict }: DrillResult): Ending {
  const { lost, phantoms, damaged, twiceWithoutNeed, queued, accepted } = verdict;
  if (lost.length + phantoms + damaged + twiceWithoutNeed > 0) return 'failed';
  return queued.length > 0 || accepted === 0 ? 'unsettled' : 'ok';
}

/** Prints it; resolves with the exit status. */
export async function reportDrill(
  context: Context,
  result: DrillResult,
  { plan, json, stopped }: { readonly plan: DrillPlan; readonly json: boolean; readonly stopped: boolean },
): Promise<number> {
  const ending = endingOf(result);
  if (json) {
    const { seed, signal } = plan;
    await context.out.json({ ending, stopped, seed, signal, ...rounded(result) });
  } else await printResult(context, result, { ending, stopped });
  return { ok: EX.OK, failed: EX.SOFTWARE, unsettled: EX.TEMPFAIL }[ending];
}

/** Times in whole milliseconds; `verdict` is spread: what was counted is what a reader looks for. */
function rounded({ verdict, kills, tookMs, medianGapMs, ...result }: DrillResult): object {
  return {
    ...result,
    tookMs: Math.round(tookMs),
    ...verdict,
    medianGapMs: { accept: Math.round(medianGapMs.accept), deliver: Math.round(medianGapMs.deliver) },
    kills: kills.map(({ atMs, replacedMs, acceptPauseMs, deliverPauseMs, ...kill }) => ({
      ...kill,
      atMs: Math.round(atMs),
      replacedMs: round(replacedMs),
      acceptPauseMs: round(acceptPauseMs),
      deliverPauseMs: round(deliverPauseMs),
    })),
  };
}

async function printResult(
  context: Context,
  result: DrillResult,
  { ending, stopped }: { readonly ending: Ending; readonly stopped: boolean },
): Promise<void> {
  const { verdict, kills, medianGapMs } = result;
  await context.out.line('');
  if ((await printTable(context.out, KILL_COLUMNS, kills)) > 0) await context.out.line('');
  await context.out.write(formatPairs(pairsOf(result)));
  await printMissing(context, 'lost', verdict.lost);
  await printMissing(context, 'still queued', verdict.queued);
  const usual = `usually ${show(medianGapMs.accept)} between acceptances, ${show(medianGapMs.deliver)} between deliveries`;
  await context.out.line(`\n${stopped ? 'stopped early; ' : ''}took ${seconds(result.tookMs)}, ${usual}`);
  await context.out.line(verdictLine(result, ending));
}

function pairsOf({ verdict, sent, setbacks, refusal, deleted, left }: DrillResult): (readonly [string, string])[] {
  const { accepted, once, twiceUnderWay, twiceWithoutNeed, lost, unknown, unknownArrived, queued } = verdict;
  const pairs: (readonly [string, string] | false)[] = [
    ['sent', `${sent}, tried again ${setbacks} times (a session died early, or a refusal for now)`],
    ['accepted', String(accepted)],
    ['delivered once', String(once)],
    ['delivered twice', `${twiceUnderWay} with the answer under way at a kill, ${twiceWithoutNeed} without need`],
    ['lost', String(lost.length)],
    ['unknown', `${unknown} (a session died with the content on its way), of which ${unknownArrived} arrived`],
    verdict.refused > 0 && ['refused', `${verdict.refused}, the first with ${refusal ?? '-'}`],
    verdict.phantoms > 0 && ['phantoms', `${verdict.phantoms} arrived that nobody sent`],
    verdict.damaged > 0 && ['damaged', `${verdict.damaged} arrived with another body`],
    queued.length > 0 && ['still queued', String(queued.length)],
    deleted > 0 && ['deleted', `${deleted} of this drill's own messages that were still queued`],
    left > 0 && ['left', `${left} of its messages could not be deleted: they fail at their next attempt`],
  ];
  return pairs.filter((pair) => pair !== false);
}

async function printMissing(context: Context, what: string, missing: readonly Missing[]): Promise<void> {
  for (const { number, id } of missing.slice(0, NAMED)) {
    await context.out.line(`${what}: message ${number}${id === undefined ? '' : `, see mailfarm trace ${id}`}`);
  }
  if (missing.length > NAMED) await context.out.line(`${what}: ${missing.length - NAMED} more`);
}

function verdictLine({ kills, verdict }: DrillResult, ending: Ending): string {
  const struck = kills.length === 1 ? '1 kill' : `${kills.length} kills`;
  if (ending === 'ok') return `OK: all ${verdict.accepted} accepted messages arrived, ${struck}`;
  if (ending === 'failed') return `FAILED: the farm did not keep what it accepted, ${struck}`;
  if (verdict.accepted === 0) return 'UNSETTLED: the farm accepted nothing; this proves nothing';
  return `UNSETTLED: ${verdict.queued.length} messages had not arrived when the wait was over, ${struck}`;
}

const KILL_COLUMNS: readonly Column<JudgedKill>[] = [
  { title: 'AT', cell: ({ atMs }) => seconds(atMs), align: 'right' },
  { title: 'KILLED', cell: ({ worker }) => worker },
  { title: 'PID', cell: ({ pid }) => String(pid), align: 'right' },
  { title: 'SIGNAL', cell: ({ signal }) => `SIG${signal}` },
  { title: 'REPLACED', cell: ({ replacedMs }) => show(replacedMs), align: 'right' },
  { title: 'ACCEPTING PAUSED', cell: ({ acceptPauseMs }) => show(acceptPauseMs), align: 'right' },
  { title: 'DELIVERY PAUSED', cell: ({ deliverPauseMs }) => show(deliverPauseMs), align: 'right' },
];

function round(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

function show(ms: number | undefined): string {
  return ms === undefined ? '-' : `${Math.round(ms)} ms`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`;
}
