/**
 * Makes the configuration: embedded defaults, then the files of etc/, then --set options.
 *
 * For the supervisor and the commands; workers read the result with resolved.ts. Every mistake is reported, not only
 * the first, and nothing of a configuration with a mistake is used. It changes nothing on disk.
 */
import { lstatSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkFiles, whyNotFolder } from './check-files.ts';
import type { Config, Paths } from './config.ts';
import { crossCheck } from './cross-checks.ts';
import { DEFAULTS } from './defaults.ts';
import { checkListeners } from './listener-checks.ts';
import { isSection, merge, withValue, type Section } from './merge.ts';
import { codeRoot, machineName } from './paths.ts';
import { placeFindings } from './place.ts';
import type { Problem } from './problem.ts';
import { checkSections, type Finding, type Settings } from './schema.ts';
import { parseSetOptions, type SetOption } from './set-option.ts';
import { checkSocketFolders } from './socket-checks.ts';
import { readSource, type Source } from './source.ts';

export { formatProblem } from './problem.ts';

export interface LoadOptions {
  /** Must exist when given. Absent: etc/ beside the code, if there is one. */
  readonly etcDir?: string;
  readonly varDir: string;
  /** `a.b.c=value`; later ones win. */
  readonly set: readonly string[];
  /** false: files that it names need not be there. Commands read no keys, and their users may not be allowed to. */
  readonly files?: boolean;
  /** More to check of the keys that are right, for who knows more of the machine; `etc` is where relative paths begin. */
  readonly also?: (settings: Settings, etc: string) => readonly Finding[];
}

/** Sections that have a file of their own, and what that is called. */
const OWN_FILES = [
  { key: 'farms', name: 'farms' },
  { key: 'tenants', name: 'tenants' },
  { key: 'bounceClasses', name: 'bounce-classes' },
] as const;

export type LoadResult =
  /** `warnings`: what is no mistake, but hardly meant. */
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export async function loadConfig(load: LoadOptions): Promise<LoadResult> {
  const { etcDir, varDir, set } = load;
  const code = codeRoot();
  const etc = etcDir ?? join(code, 'etc');
  const why = etcDir === undefined ? undefined : await whyNotFolder(etcDir);
  if (why !== undefined) return { ok: false, problems: [{ file: etc, key: '', message: why }] };
  const sources = await Promise.all([
    readSource(join(etc, 'mailfarm.yaml'), []),
    ...OWN_FILES.map(({ key, name }) => readSource(join(etc, `${name}.yaml`), [key])),
  ]);
  const { options, wrong } = parseSetOptions(set);
  const problems = [...sources.flatMap((source) => source.problems), ...wrong];
  const paths: Paths = { etc: resolve(etc), var: resolve(varDir), code };
  const { settings, findings } = await check(overlay(sources, options, problems), paths, load);
  problems.push(...strays(sources[0]), ...placeFindings(findings, sources, options));
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: { ...settings, paths }, warnings: otherEndings(etc) };
}

/** Defaults, files and options, one over the other. */
function overlay(sources: readonly Source[], options: readonly SetOption[], problems: Problem[]): Section {
  let root: unknown = DEFAULTS;
  for (const source of sources) root = merge(root, source.data);
  for (const { name, path, value } of options) {
    const next = withValue(root, path, value);
    if (next === undefined)
      problems.push({ option: name, key: name, message: 'expected the number of a list item, from 0' });
    else root = next.root;
  }
  return isSection(root) ? root : {};
}

/** All checks. The settings are complete only when nothing was found. */
async function check(
  data: Section,
  { etc, var: varDir }: Paths,
  { files = true, also = () => [] }: LoadOptions,
): Promise<{ settings: Settings; findings: Finding[] }> {
  const { settings: given, failed, findings } = checkSections(data);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a test proves that all of the defaults are right
  const defaults = checkSections(DEFAULTS).settings as Settings;
  const named = withHostname({ ...defaults, hostname: machineName(), ...given });
  const settings =
    named.aliases === undefined && isThere(join(etc, 'aliases')) ? { ...named, aliases: 'aliases' } : named;
  const across = crossCheck(settings).filter(({ paths }) => !paths.some(([first]) => failed.has(String(first))));
  const lacking = files ? [...(await checkFiles(settings, etc)), ...(await checkSocketFolders(settings, varDir))] : [];
  return { settings, findings: [...findings, ...checkListeners(data), ...across, ...lacking, ...also(settings, etc)] };
}

/** Also when it cannot be read, or is a link to nowhere: then somebody wants aliases, and should not go without. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** YAML files are called .yml as often: here they would be passed over without a word. */
function otherEndings(etc: string): Problem[] {
  return ['mailfarm', ...OWN_FILES.map(({ name }) => name)].flatMap((name): Problem[] => {
    const file = join(etc, `${name}.yml`);
    if (isThere(join(etc, `${name}.yaml`)) || !isThere(file)) return [];
    return [{ file, key: '', message: `is not read: the file has to be called ${name}.yaml` }];
  });
}

/** Puts the host name in where the domains say `$hostname`, each domain once. */
function withHostname(settings: Settings): Settings {
  const fill = (names: readonly string[]): string[] => [
    ...new Set(names.map((name) => (name === '$hostname' ? settings.hostname : name))),
  ];
  const { local, relay } = settings.domains;
  return { ...settings, domains: { local: fill(local), relay: fill(relay) } };
}

/** Farms are for farms.yaml alone, and so on: one place to look at for sizes. */
function strays(main: Source | undefined): Problem[] {
  return OWN_FILES.flatMap(({ key, name }): Problem[] => {
    if (!isSection(main?.data) || !Object.hasOwn(main.data, key)) return [];
    const line = main.locate([key])?.line;
    return line === undefined ? [] : [{ file: main.file, line, key, message: `expected in ${name}.yaml, not here` }];
  });
}
