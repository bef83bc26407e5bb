/** Holds what a recovery found against what had been promised when the crash came. */
import type { Ledger, Sent } from './promises.ts';
import type { Recovered } from './recover.ts';
import type { Time } from './record.ts';

export interface Violation {
  readonly rule: 'crash' | 'lost' | 'damaged' | 'again' | 'phantom' | 'operator' | 'forgotten';
  readonly what: string;
}

export interface Evidence {
  readonly ledger: Ledger;
  /** By `QUEUE-ID ADDRESS`: when its final outcome was durable. */
  readonly final: ReadonlyMap<string, Time>;
}

/** Everything that is wrong with what was recovered after a crash at `at`. */
export function judge({ ledger, final }: Evidence, recovered: Recovered, at: Time): Violation[] {
  const violations: Violation[] = [];
  const view = new View(ledger, recovered, at);
  for (const sent of ledger.sent) {
    if (sent.queueId === undefined || sent.answered === undefined || sent.answered > at) continue;
    for (const address of sent.to) {
      if (!view.isSafe(sent, address)) violations.push({ rule: 'lost', what: `${sent.id} ${sent.queueId} ${address}` });
    }
    const content = recovered.queue.get(sent.queueId);
    if (content !== undefined && content.content?.toString('latin1').endsWith(sent.content) !== true)
      violations.push({ rule: 'damaged', what: `${sent.id} ${sent.queueId}` });
  }
  violations.push(...judgeQueue({ ledger, final }, recovered, at), ...judgeOperations(ledger, recovered, at));
  return violations;
}

/** Nothing that was finished, or refused, or that nobody hands on. */
function judgeQueue({ ledger, final }: Evidence, recovered: Recovered, at: Time): Violation[] {
  const violations: Violation[] = [];
  const refused = new Set(
    ledger.sent.filter((sent) => sent.refused && (sent.answered ?? Infinity) <= at).map(({ id }) => id),
  );
  for (const [id, { message, content }] of recovered.queue) {
    for (const { address } of message.recipients) {
      if ((final.get(`${id} ${address}`) ?? Infinity) <= at)
        violations.push({ rule: 'again', what: `${id} ${address}` });
    }
    const testId = /^X-Test-Id: (\S+)\r$/m.exec(content?.toString('latin1', 0, 4096) ?? '')?.[1];
    if (message.envelope.origin.via !== 'bounce' && testId !== undefined && refused.has(testId))
      violations.push({ rule: 'phantom', what: `${testId} ${id}` });
    const active = message.recipients.some((recipient) => recipient.state !== 'held');
    if (active && !recovered.handedOn.has(id))
      violations.push({ rule: 'forgotten', what: `${id}, beside corrupt/: ${recovered.corrupt.join(' ')}` });
  }
  return violations;
}

/** The last verb that returned holds, unless another had begun. */
function judgeOperations(ledger: Ledger, recovered: Recovered, at: Time): Violation[] {
  const violations: Violation[] = [];
  const held = new Set<string>();
  for (const { id, queueId, answered } of ledger.sent) {
    if (ledger.quarantined.has(id) && queueId !== undefined && (answered ?? Infinity) <= at) held.add(queueId);
  }
  const deleted = new Set<string>();
  for (const { verb, queueId, begin, end } of ledger.operations) {
    if (begin > at) continue;
    if (verb === 'release') held.delete(queueId);
    if (verb === 'restore') deleted.delete(queueId);
    if (end > at) continue;
    if (verb === 'hold') held.add(queueId);
    if (verb === 'delete') deleted.add(queueId);
  }
  for (const id of held) {
    const states = recovered.queue.get(id)?.message.recipients.map((recipient) => recipient.state);
    if (states?.every((state) => state === 'held') === false)
      violations.push({ rule: 'operator', what: `${id} is not held` });
  }
  for (const id of deleted) {
    if (recovered.queue.has(id)) violations.push({ rule: 'operator', what: `${id} is not deleted` });
  }
  return violations;
}

/** Where a recipient of a message is safe. */
class View {
  readonly #ledger: Ledger;
  readonly #recovered: Recovered;
  readonly #at: Time;
  readonly #maildir: ReadonlySet<string>;
  /** `QUEUE-ID ADDRESS` of failures whose report is in the queue or delivered. */
  readonly #reported: ReadonlySet<string>;

  constructor(ledger: Ledger, recovered: Recovered, at: Time) {
    this.#ledger = ledger;
    this.#recovered = recovered;
    this.#at = at;
    const [maildir, reported] = [new Set<string>(), new Set<string>()];
    for (const text of recovered.delivered) {
      const report = text.includes('\nContent-Type: multipart/report;');
      const id = /^X-Test-Id: (\S+)$/m.exec(text)?.[1];
      const to = /^Delivered-To: (\S+)$/m.exec(text)?.[1];
      if (report)
        for (const [, address] of text.matchAll(/^Final-Recipient: rfc822; ?(\S+)$/gm))
          reported.add(`${id} ${address}`);
      else if (isWhole(ledger, id, text)) maildir.add(`${id} ${to}`);
    }
    for (const { message } of recovered.queue.values()) {
      const { settles } = message.envelope;
      const id = ledger.sent.find(({ queueId }) => queueId === settles?.id)?.id;
      for (const address of settles?.recipients ?? []) reported.add(`${id} ${address}`);
    }
    this.#maildir = maildir;
    this.#reported = reported;
  }

  isSafe(sent: Sent, address: string): boolean {
    const { queueId = '', id } = sent;
    const states = this.#recovered.queue.get(queueId)?.message.recipients;
    if (states?.some((state) => state.address === address)) return true;
    if ((this.#ledger.taken.get(`${id} ${address}`) ?? Infinity) <= this.#at) return true;
    if (this.#maildir.has(`${id} ${address}`) || this.#reported.has(`${id} ${address}`)) return true;
    const members = this.#ledger.aliases.get(address);
    if (members !== undefined) return members.every((member) => this.isSafe(sent, member));
    return sent.mayDrop || this.#isDeleted(queueId, address);
  }

  #isDeleted(queueId: string, address: string): boolean {
    const wanted = this.#ledger.operations.some(
      (operation) => operation.queueId === queueId && operation.verb === 'delete' && operation.begin <= this.#at,
    );
    const states = this.#recovered.deleted.get(queueId)?.message.recipients;
    return wanted && states?.some((state) => state.address === address) === true;
  }
}

function isWhole(ledger: Ledger, id: string | undefined, text: string): boolean {
  const sent = ledger.sent.find((one) => one.id === id);
  return sent !== undefined && text.endsWith(sent.content.replaceAll('\r\n', '\n'));
}
