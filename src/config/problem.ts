/** A mistake in the configuration, and how it is told: where, which key, what was expected. */
import { oneLine } from '../base/text.ts';

export interface Problem {
  /** The file it is in; absent for a --set option and for a mistake that is in no file. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** The key of the --set option it came from, as `limits.recipients`. */
  readonly option?: string;
  /** Full name of the key, as `listen.0.address`; empty when it concerns the whole file. */
  readonly key: string;
  /** What was expected and what was found. */
  readonly message: string;
}

/** `etc/mailfarm.yaml:12: limits.hops: expected a whole number from 5 to 1000, got "many"`. */
export function formatProblem(problem: Problem): string {
  const { file, line, option, key, message } = problem;
  const place = option === undefined ? [file, line].filter((part) => part !== undefined).join(':') : `--set ${option}`;
  const parts = [place, key === option ? '' : key, message].filter((part) => part !== '');
  return oneLine(parts.join(': '), 2000);
}

/** A value in few words, for the end of a message. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a section';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
