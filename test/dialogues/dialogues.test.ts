/** Plays every dialogue of this folder against a real acceptor: once as it is, once byte by byte. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { waitFor } from '../support/wait.ts';
import { runAcceptor, type RunningAcceptor } from '../unit/acceptor/run-acceptor.ts';
import { readDialogues, type Dialogue, type Step } from './dialogue.ts';

const YAML = `
hostname: mx.test
listen:
  - { address: "127.0.0.1:0", role: mx, name: mx, filters: [] }
  - { address: "127.0.0.1:0", role: submission, name: submission }
  - { address: "127.0.0.1:0", role: local, protocol: lmtp, name: lmtp }
  - { address: "127.0.0.1:0", role: mx, name: normalise, filters: [], lineEnds: normalise }
  - { address: "127.0.0.1:0", role: mx, name: filtered }
relay: { networks: ["127.0.0.2/32"] }
domains: { local: [mx.test, local.test], relay: [relay.test] }
mailboxes: [user, other, second]
limits: { messageSize: 20KiB, headerSize: 8KiB, recipients: 100, hops: 50 }
`;
const ALIASES = 'sales: user, other\n';
const CLIENTS: Readonly<Record<string, string>> = { stranger: '127.0.0.1', trusted: '127.0.0.2' };
const PATIENCE_MS = 60_000;

let running: RunningAcceptor;

before(async () => {
  running = await runAcceptor({ yaml: YAML, aliases: ALIASES, verdict: judge });
});
after(() => running.stop());

/** The filter of these dialogues: the sender's local part says what to answer. */
function judge({ envelope }: { readonly envelope: { readonly sender: string } }) {
  const wish = envelope.sender.split('@')[0] ?? '';
  const reply = { status: '', text: 'the filter says so' };
  if (wish === 'reject')
    return { verdict: 'reject', by: 'test', reply: { ...reply, code: 550, status: '5.7.1' } } as const;
  if (wish === 'defer')
    return { verdict: 'defer', by: 'test', reply: { ...reply, code: 451, status: '4.7.1' } } as const;
  if (wish === 'quarantine') return { verdict: 'quarantine', by: 'test' } as const;
  if (wish === 'mark') return { verdict: 'accept', prepend: 'X-Marked: yes\r\n' } as const;
  return { verdict: 'accept' } as const;
}

for (const dialogue of readDialogues(import.meta.dirname)) {
  describe(dialogue.name, () => {
    it('whole', () => play(dialogue, false));
    if (!dialogue.once) it('byte by byte', () => play(dialogue, true));
  });
}

/** One client connection, read line by line. */
class Client {
  readonly #socket: net.Socket;
  #text = '';
  closed = false;

  constructor(socket: net.Socket) {
    this.#socket = socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => (this.#text += chunk.toString('latin1')));
    socket.on('close', () => (this.closed = true));
    // A server that closed first resets what we still send.
    socket.on('error', () => (this.closed = true));
  }

  async send(bytes: Buffer, byByte: boolean): Promise<void> {
    if (!byByte) return void this.#socket.write(bytes);
    for (const byte of bytes) {
      if (this.closed) return;
      this.#socket.write(Buffer.from([byte]));
      await turn();
    }
  }

  async line(what: string): Promise<string> {
    const end = await waitFor(
      () => {
        const at = this.#text.indexOf('\r\n');
        if (at === -1 && this.closed) throw new Error(`${what}: the server closed`);
        return at !== -1 && { at };
      },
      { what, deadline: PATIENCE_MS },
    );
    const line = this.#text.slice(0, end.at);
    this.#text = this.#text.slice(end.at + 2);
    return line;
  }

  /** Reads on. */
  endOwnSide(): void {
    this.#socket.end();
  }

  end(): void {
    this.#socket.destroy();
  }
}

async function play(dialogue: Dialogue, byByte: boolean): Promise<void> {
  const index = running.config.listen.findIndex(({ name }) => name === dialogue.listener);
  const localAddress = CLIENTS[dialogue.client] ?? '';
  const socket = net.connect({ host: '127.0.0.1', port: running.ports[index] ?? 0, localAddress });
  await once(socket, 'connect');
  const client = new Client(socket);
  const before = running.accepted.length;
  const { steps } = dialogue;
  try {
    for (let at = 0; at < steps.length; at += 1) {
      const step = steps[at];
      if (step?.kind === 'send') {
        const group: Buffer[] = [];
        for (let next = steps[at]; next?.kind === 'send'; next = steps[++at]) group.push(next.bytes);
        at -= 1;
        await client.send(Buffer.concat(group), byByte);
      } else if (step !== undefined) {
        await perform(step, client, { where: `${dialogue.name}.txt:${step.line}`, before });
      }
    }
  } finally {
    client.end();
  }
}

async function perform(
  step: Exclude<Step, { kind: 'send' }>,
  client: Client,
  { where, before }: { readonly where: string; readonly before: number },
): Promise<void> {
  switch (step.kind) {
    case 'line':
      return matchLine(await client.line(where), step.text, where);
    case 'reply':
      for (let line = '-'; !line.startsWith(`${step.text} `);) {
        line = await client.line(where);
        matchLine(line, step.text, where);
      }
      return;
    case 'closed':
      return void (await waitFor(() => client.closed, { what: `${where}: close`, deadline: PATIENCE_MS }));
    case 'close':
      return client.end();
    case 'end':
      return client.endOwnSide();
    case 'queued':
      await waitFor(() => running.accepted.length >= before + step.count, { what: `${where}: messages` });
      return assert.equal(running.accepted.length - before, step.count, where);
    case 'recipients':
      return assert.equal(
        last()
          .envelope.recipients.map(({ address }) => address)
          .join(', '),
        step.text,
        where,
      );
    case 'has':
      return assert.ok((await running.read(last().handle)).split('\r\n').includes(step.text), where);
    case 'lacks':
      return assert.ok(!(await running.read(last().handle)).includes(step.text), where);
  }
}

function matchLine(line: string, expected: string, where: string): void {
  assert.equal(line.slice(0, expected.length), expected, `${where}: ${line}`);
}

function last(): RunningAcceptor['accepted'][number] {
  const accepted = running.accepted.at(-1);
  if (accepted === undefined) throw new Error('no message was accepted');
  return accepted;
}
