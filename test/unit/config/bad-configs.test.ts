/** Every file of test/bad-configs is refused with exactly the report that lies beside it. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatProblem, loadConfig } from '../../../src/config/load.ts';

const CASES = join(import.meta.dirname, '../../bad-configs');
const names = readdirSync(CASES)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.slice(0, -'.yaml'.length));

async function report(name: string): Promise<string> {
  const source = join(CASES, `${name}.yaml`);
  const etcDir = mkdtempSync(join(tmpdir(), 'bad-config-'));
  try {
    const file = /^(farms|tenants|bounce-classes)-/.exec(name)?.[1] ?? 'mailfarm';
    copyFileSync(source, join(etcDir, `${file}.yaml`));
    const set = [...readFileSync(source, 'utf8').matchAll(/^# --set (.*)$/gm)].map((match) => match[1] ?? '');
    const result = await loadConfig({ etcDir, varDir: join(etcDir, 'var'), set });
    if (result.ok) return 'no mistake was found\n';
    return result.problems.map((problem) => `${formatProblem(problem).replaceAll(`${etcDir}/`, '')}\n`).join('');
  } finally {
    rmSync(etcDir, { recursive: true });
  }
}

test('there are cases', () => {
  assert.ok(names.length >= 20);
});

for (const name of names) {
  test(`bad configuration: ${name}`, async () => {
    assert.equal(await report(name), readFileSync(join(CASES, `${name}.expected`), 'utf8'));
  });
}
