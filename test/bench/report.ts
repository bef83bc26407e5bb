/** A finished measurement, and where it is kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Report {
  /** Markdown. */
  readonly text: string;
  /** SVG. */
  readonly plot?: string;
  /** For --json. */
  readonly figures: object;
  /** Messages were refused, lost or doubled. */
  readonly failed: boolean;
}

/** Writes the report, and its plot beside it; their paths. */
export function saveReport({ text, plot }: Report): string[] {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const now = new Date().toISOString();
  const name = now.slice(0, 16).replace(':', '');
  const picture = plot === undefined ? '' : `![The works, by peer](${name}.svg)\n\n`;
  const files = [[`${name}.md`, `# Benchmark of ${now}\n\n${picture}${text}\n`]];
  if (plot !== undefined) files.push([`${name}.svg`, plot]);
  return files.map(([file = '', content = '']) => {
    writeFileSync(join(folder, file), content);
    return join(folder, file);
  });
}
