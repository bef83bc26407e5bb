/**
 * All sections of the configuration, checked one by one: a mistake in one hides none in another.
 * What concerns two sections at once is in cross-checks.ts.
 */
import type { z } from 'zod';
import type { Config } from './config.ts';
import type { Path, Section } from './merge.ts';
import { valueAt } from './merge.ts';
import { describe } from './problem.ts';
import { KEY_SEPARATOR } from './leaf.ts';
import { nearest } from './nearest.ts';
import { bounceSections } from './schema-bounce.ts';
import { farmsSchema } from './schema-farms.ts';
import { mailSections } from './schema-mail.ts';
import { runSections } from './schema-run.ts';
import { tenantsSchema } from './schema-tenants.ts';

/** What the files and options can say; the paths are not theirs. */
export type Settings = Omit<Config, 'paths'>;

const SECTIONS = {
  ...mailSections,
  ...runSections,
  ...bounceSections,
  farms: farmsSchema,
  tenants: tenantsSchema,
} satisfies {
  readonly [key in keyof Settings]-?: z.ZodType<Settings[key] | undefined>;
};

/** A mistake; place.ts finds the file and the line. */
export interface Finding {
  /** The key it is about; where a rule looks at several keys, the likeliest one to change first. */
  readonly paths: readonly [Path, ...Path[]];
  readonly message: string;
}

export interface Checked {
  /** The sections that are right. */
  readonly settings: Partial<Settings>;
  /** The names of the others. */
  readonly failed: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

export function checkSections(data: Section): Checked {
  const findings: Finding[] = unknownKeys([], Object.keys(data), Object.keys(SECTIONS));
  const settings: [string, unknown][] = [];
  const failed = new Set<string>();
  for (const [key, schema] of Object.entries(SECTIONS)) {
    if (!Object.hasOwn(data, key)) continue;
    const parsed = schema.safeParse(data[key]);
    if (parsed.success) {
      settings.push([key, parsed.data]);
    } else {
      failed.add(key);
      findings.push(...parsed.error.issues.flatMap((issue) => explain(issue, key, data)));
    }
  }
  return { settings: Object.fromEntries(settings) as Partial<Settings>, failed, findings };
}

function explain(issue: z.core.$ZodIssue, section: string, data: Section): Finding[] {
  const path: Path = [section, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
  if (issue.code === 'unrecognized_keys') return unknownKeys(path, issue.keys, issue.message.split(KEY_SEPARATOR));
  // The name in a record is wrong, not its value.
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const found = issue.code === 'invalid_key' ? path.at(-1) : valueAt(data, path);
  const meant: unknown = issue.code === 'custom' ? issue.params?.['meant'] : undefined;
  const hint = typeof meant === 'string' ? `; did you mean ${meant}?` : '';
  return [{ paths: [path], message: `${message}, got ${describe(found)}${hint}` }];
}

function unknownKeys(path: Path, keys: readonly string[], known: readonly string[]): Finding[] {
  return keys
    .filter((key) => !known.includes(key))
    .map((key) => {
      const meant = nearest(key, known);
      const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
      return { paths: [[...path, key]], message: `unknown key; ${hint}` };
    });
}
