/** Every bad configuration that we know, put in place and reloaded while mail flows: each is refused with its place, the old one stays. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { ROOT } from '../../support/run.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const FOLDER = join(ROOT, 'test', 'bad-configs');
/** Others need a command line or another file beside them, or are about what this story sets on the command line. */
const BAD = readdirSync(FOLDER).filter((name) => {
  if (!name.endsWith('.yaml') || /^(set-options|missing-|stray|farms)/.test(name)) return false;
  return !/^(listen|routes)/m.test(readFileSync(join(FOLDER, name), 'utf8'));
});

/** The file of etc/ that it stands for. */
function placeOf(name: string): string {
  return `${/^(tenants|bounce-classes)-/.exec(name)?.[1] ?? 'mailfarm'}.yaml`;
}

/** The first complaint about this file, as it stands in a line of the log. */
function complaintOf(name: string): string {
  const [first = ''] = readFileSync(join(FOLDER, name.replace(/yaml$/, 'expected')), 'utf8').split('\n');
  return JSON.stringify(first).slice(1, -1);
}

function isLogged(farm: Farm, text: string): boolean {
  const dir = join(farm.var, 'log');
  return readdirSync(dir).some((name) => readFileSync(join(dir, name), 'utf8').includes(text));
}

describe('a reload with a bad configuration', () => {
  it(`is refused, ${BAD.length} times, and costs no message, no session and no worker`, async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`],
    });
    assert.ok(BAD.length >= 13);
    const before = farm.workers('acceptor').map((worker) => worker.pid);
    const ledger = emptyLedger();
    let stopped = false;
    const sending = sendMail({
      port: farm.port,
      to: ['bob@far.example'],
      count: 1_000_000,
      ledger,
      stopWhen: () => stopped,
    });
    for (const name of BAD) {
      const place = join(farm.etc, placeOf(name));
      writeFileSync(place, readFileSync(join(FOLDER, name)));
      farm.signal('SIGHUP');
      const complaint = complaintOf(name);
      await waitFor(() => isLogged(farm, complaint), { what: () => `${name}: ${complaint}\n${farm.tail()}` });
      rmSync(place);
    }
    // Signals of other meanings are nobody's end.
    for (const name of ['SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) farm.signal(name);
    stopped = true;
    await sending;
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      ledger.accepted.filter((id) => counts.get(id) !== 1),
      [],
    );
    assert.deepEqual([ledger.setbacks, ledger.dismissals, ledger.unsure.length], [0, 0, 0]);
    const after = farm.workers('acceptor').map((worker) => worker.pid);
    assert.deepEqual(
      before.filter((pid) => !after.includes(pid)),
      [],
      'none died',
    );
  });
});
