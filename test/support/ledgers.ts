/** The oracle of every crash test: the sender's ledger against that of the next hop. */
import assert from 'node:assert/strict';
import type { SenderLedger } from './send-mail.ts';
import type { Sink } from './sink.ts';

export interface Checked {
  readonly sink: Sink;
  readonly ledger: SenderLedger;
  /** How many messages the killed processes may have had under way, whose remote answer was not written down. */
  readonly underWay: number;
}

/** Loss and phantoms are never allowed; what came twice is counted, and allowed only as far as it was under way. */
export function checkLedgers({ sink, ledger, underWay }: Checked): void {
  const counts = sink.counts();
  const lost = ledger.accepted.filter((id) => !counts.has(id));
  const sent = new Set([...ledger.accepted, ...ledger.unsure]);
  const phantoms = [...counts.keys()].filter((id) => !sent.has(id));
  const twice = [...counts].filter(([, count]) => count > 1).map(([id]) => id);
  const { accepted, unsure } = ledger;
  console.log(`accepted ${accepted.length}, unsure ${unsure.length}, lost ${lost.length}, twice ${twice.length}`);
  assert.deepEqual(lost, []);
  assert.deepEqual(phantoms, []);
  assert.ok(twice.length <= underWay, `${twice.length} came twice, at most ${underWay} were under way`);
}
