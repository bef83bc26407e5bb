/**
 * Work: one message with many recipients in many domains, all for one next hop; how long from its 250 to the last delivery.
 *
 * By a client of our own: smtp-source knows one domain only. Some messages one after another, each when the one before was
 * delivered: the kernel counts CPU in steps of 10 ms.
 */
import net from 'node:net';
import { makeContents } from '../content.ts';
import { monotonicMs } from '../clock.ts';
import { sum } from '../process-tree.ts';
import { FAN_OUT } from '../scenarios.ts';
import { spread } from '../table.ts';
import { perSecond } from '../watch.ts';
import { aroundCpu, deadlineOf, lostAndTwice, type Outcome, type Stage } from './work.ts';

export async function measureFanOut(stage: Stage): Promise<Outcome> {
  const { peer, messages } = stage;
  const { result, cpuMs } = await aroundCpu(peer.pid, async () => {
    const times: number[] = [];
    const problems: string[] = [];
    for (let n = 0; n < messages && problems.length === 0; n += 1) {
      const { ms, wrong } = await sendOne(stage);
      times.push(ms);
      problems.push(...wrong);
    }
    return { times, problems };
  });
  const last = spread(result.times).median;
  const figures = { last, cpu: sum(cpuMs) / messages, rate: perSecond(FAN_OUT.recipients, last) };
  return { figures, problems: result.problems, cpuMs };
}

async function sendOne(stage: Stage): Promise<{ ms: number; wrong: readonly string[] }> {
  const until = deadlineOf(stage);
  const { peer, sink, scenario } = stage;
  await sink.forget();
  const acceptedAt = await sendMessage(peer.port, scenario.size, stage.deadlineMs);
  await sink.untilArrived(FAN_OUT.recipients, until);
  const count = await sink.count();
  return { ms: count.lastAt - acceptedAt, wrong: lostAndTwice(FAN_OUT.recipients, count) };
}

/** Its envelope, command by command: recipients that begin with their number. */
export function envelopeOf({ recipients, domains }: typeof FAN_OUT): string[] {
  const to = Array.from({ length: recipients }, (_, n) => `RCPT TO:<${n}r@d${n % domains}.bench.example>\r\n`);
  return ['MAIL FROM:<sender@bench.example>\r\n', ...to, 'DATA\r\n'];
}

/** Resolves with the time of the 250 to its content; rejects at any refusal. Pipelines where the server offers it. */
function sendMessage(port: number, size: number, deadlineMs: number): Promise<number> {
  const content = makeContents(size)(0).toString('latin1');
  const commands = ['EHLO generator.bench.example\r\n', ...envelopeOf(FAN_OUT), content];
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const fail = (why: string): void => {
      reject(new Error(`fan-out: ${why}`));
      socket.destroy();
    };
    const timer = setTimeout(() => fail(`not within ${deadlineMs} ms`), deadlineMs);
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => {
      clearTimeout(timer);
      fail('the connection was closed');
    });
    let window = 1;
    let awaited = 1;
    onLines(socket, (line) => {
      if (/^250.PIPELINING/i.test(line)) window = FAN_OUT.recipients + 2;
      if (line[3] === '-') return;
      if (!/^(?:2|354)/.test(line)) return fail(line);
      awaited -= 1;
      if (awaited > 0) return;
      if (commands.length === 0) {
        resolve(monotonicMs());
        socket.end('QUIT\r\n');
        return;
      }
      // The content stays behind until DATA is answered.
      const next = commands.splice(0, Math.min(window, Math.max(1, commands.length - 1)));
      awaited = next.length;
      socket.write(next.join(''), 'latin1');
    });
  });
}

function onLines(socket: net.Socket, take: (line: string) => void): void {
  let text = '';
  socket.on('data', (chunk) => {
    const lines = (text + chunk.toString('latin1')).split('\r\n');
    text = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
