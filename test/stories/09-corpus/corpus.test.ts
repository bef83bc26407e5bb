/**
 * Real messages through two farms, from SMTP to SMTP to Maildir: they arrive byte for byte, but for the trace headers
 * on top. Their line ends are made CRLF first. Skipped where the corpus is not there.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import { countMaildir, readMaildir } from '../../support/maildir.ts';
import { ROOT } from '../../support/run.ts';
import { sendMail } from '../../support/send-mail.ts';
import { waitFor } from '../../support/wait.ts';

const CORPUS = join(ROOT, '..', 'shared', 'corpus');
const HERE = existsSync(CORPUS);
/** Known again by its number in the recipient's tag. */
const RECIPIENT = /^Delivered-To: corpus\+(\d+)@far\.example\r?$/m;
const TRACE = /^(?:Return-Path|Delivered-To|Received):/i;

describe('the corpus', () => {
  it('arrives byte for byte but for the trace headers', { skip: HERE ? false : `${CORPUS} is absent` }, async () => {
    const names = readdirSync(CORPUS)
      .filter((name) => name.endsWith('.eml'))
      .toSorted();
    const originals = names.map((name) => toCrlf(readFileSync(join(CORPUS, name))));
    assert.ok(originals.length > 0);
    await using second = await startFarm({ set: ['listen.0.role=mx', 'domains.local=[far.example]'] });
    const route = `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${second.port}"}]`;
    await using first = await startFarm({ set: [route, 'listen.0.role=mx', 'domains.local=[localhost]'] });
    const sent = await sendMail({
      port: first.port,
      to: (n) => [`corpus+${n}@far.example`],
      content: (_id, n) => originals[n] ?? '',
      count: originals.length,
      sessions: 4,
    });
    // RFC 5321 section 2.3.8 allows no NUL: such a message is refused, with the reason, and no other is.
    const refused = sent.refused.map(({ id, answer }) => `${names[Number(id.slice(2))]} ${answer.code}`);
    const withNul = names.filter((_, n) => originals[n]?.includes(0) === true);
    assert.deepEqual(
      refused.toSorted(),
      withNul.map((name) => `${name} 554`),
    );
    const dir = join(second.var, 'mail', 'far.example', 'corpus');
    await waitFor(() => countMaildir(dir) >= sent.accepted.length, {
      what: () => `${sent.accepted.length} messages, there are ${countMaildir(dir)}\n${first.tail()}\n${second.tail()}`,
    });
    const arrived = readMaildir(dir);
    assert.equal(arrived.length, sent.accepted.length);
    for (const { content } of arrived) {
      const text = content.toString('latin1');
      const n = Number(RECIPIENT.exec(text)?.[1]);
      const name = names[n];
      const expected = (originals[n] ?? Buffer.alloc(0)).toString('latin1').replaceAll('\r\n', '\n');
      assert.ok(sameBelowTrace(text.replaceAll('\r\n', '\n'), expected), `${name} changed on its way`);
    }
  });
});

/** True when `arrived` is some trace headers and then `sent`. */
function sameBelowTrace(arrived: string, sent: string): boolean {
  if (!arrived.endsWith(sent)) return false;
  const added = arrived.slice(0, arrived.length - sent.length);
  const fields = added
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')
    .slice(0, -1);
  return fields.length > 0 && fields.every((field) => TRACE.test(field));
}

/** Any line end as CRLF, and one at the end: what a client that reads a file sends. */
function toCrlf(content: Buffer): Buffer {
  const text = content.toString('latin1').replaceAll(/\r\n|\r|\n/g, '\r\n');
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
}
