/** Runs the load generator, a process of its own, on one plan. */
import { Child } from './child.ts';
import type { LoadPlan, LoadReport } from './generator.ts';

const ANSWER_MS = 10_000;

export async function generate(plan: LoadPlan): Promise<LoadReport> {
  using generator = new Child('generator.ts');
  return (await generator.ask(plan, plan.deadlineMs + ANSWER_MS)) as LoadReport;
}
