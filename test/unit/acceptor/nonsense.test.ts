/** Any bytes in any chunks: the acceptor lives, and accepts exactly what it said it accepts. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { waitFor } from '../../support/wait.ts';
import { runAcceptor, type RunningAcceptor } from './run-acceptor.ts';
import { SmtpClient } from './smtp-client.ts';

const PIECES = [
  'EHLO x\r\n',
  'MAIL FROM:<a@example.org>\r\n',
  'RCPT TO:<user@local.test>\r\n',
  'RCPT TO:<nobody@local.test>\r\n',
  'DATA\r\n',
  'Subject: x\r\n',
  '\r\n',
  '.\r\n',
  '\r\n.\r\n',
  '..\r\n',
  '\n.\r\n',
  '\r.\r\n',
  '\0',
  '\xff\xfe',
  'RSET\r\n',
  'NOOP\r\n',
  'VRFY x\r\n',
  'QUIT\r\n',
  'x'.repeat(3000),
  'EHLO x\r\nMAIL FROM:<b@example.org>\r\nRCPT TO:<user@local.test>\r\nDATA\r\nhello\r\n.\r\n',
];

describe('nonsense', () => {
  let acceptor: RunningAcceptor;
  before(async () => {
    acceptor = await runAcceptor({
      yaml: `
hostname: mx.test
listen:
  - { address: "127.0.0.1:0", role: mx, filters: [] }
  - { address: "127.0.0.1:0", role: mx, filters: [], lineEnds: normalise }
domains: { local: [local.test], relay: [] }
mailboxes: [user]
`,
    });
  });
  after(() => acceptor.stop());

  it('costs nobody anything, and no message is accepted in silence or promised and lost', async () => {
    let promised = 0;
    const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 });
    const chunkSize = fc.constantFrom(1, 2, 3, 7, 100, 100_000);
    await fc.assert(
      fc.asyncProperty(pieces, chunkSize, fc.nat(1), async (texts, size, listener) => {
        const answers = await talk(acceptor.ports[listener] ?? 0, texts.join(''), size);
        promised += answers.split('queued as').length - 1;
        await waitFor(() => acceptor.accepted.length >= promised, { what: 'what was promised' });
        assert.equal(acceptor.accepted.length, promised);
        for (const line of answers.split('\r\n')) assert.match(line, /^$|^[2-5]\d\d[ -][\x20-\x7e]*$/);
      }),
      { numRuns: 150 },
    );
    const client = await SmtpClient.greeted({ host: '127.0.0.1', port: acceptor.ports[0] ?? 0 });
    assert.match(await client.send('Subject: x\r\n\r\n'), /^250/);
    client.close();
  });
});

/** Says it all, then ends whatever is open and quits; gives all answers. */
function talk(port: number, text: string, chunkSize: number): Promise<string> {
  return new Promise((resolve) => {
    let answers = '';
    const socket = net.connect({ host: '127.0.0.1', port }).setNoDelay(true);
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
    socket.on('close', () => resolve(answers));
    socket.on('error', () => undefined);
    const bytes = Buffer.from(`${text}\r\n.\r\nQUIT\r\n`, 'latin1');
    let at = 0;
    const next = (): void => {
      for (let burst = 0; burst < 50 && at < bytes.length; burst += 1, at += chunkSize) {
        socket.write(bytes.subarray(at, at + chunkSize));
      }
      if (at < bytes.length && !socket.destroyed) setImmediate(next);
    };
    next();
  });
}
