/**
 * Asks the supervisor over its control socket: one JSON object a line, a question and its answer.
 */
import { errorText, oneLine } from '../../base/text.ts';
import { connectEndpoint } from '../../client/endpoint.ts';
import { CONTROL_SOCKET, type ControlAnswer, type ControlRequest } from '../../process/control.ts';

export type Asked =
  | { readonly kind: 'answered'; readonly answer: ControlAnswer }
  /** Nobody listens: no farm runs. */
  | { readonly kind: 'down'; readonly permitted: boolean }
  /** The supervisor does not answer, or not in a way we know. */
  | { readonly kind: 'silent'; readonly why: string };

const CONNECT_MS = 2000;
const MAX_ANSWER = 4 * 1024 * 1024;

/** Sends `question` and waits for its answer, at most `deadlineMs` milliseconds. Call it within var. */
export async function askSupervisor(question: ControlRequest, deadlineMs: number): Promise<Asked> {
  const connected = await connectEndpoint({ path: CONTROL_SOCKET }, CONNECT_MS);
  if (!connected.ok) return { kind: 'down', permitted: connected.code !== 'EACCES' && connected.code !== 'EPERM' };
  const { socket } = connected;
  const answer = await new Promise<Asked>((resolve) => {
    let text = '';
    const silent = (why: string): void => resolve({ kind: 'silent', why });
    const timer = setTimeout(() => silent(`no answer within ${Math.ceil(deadlineMs / 1000)} seconds`), deadlineMs);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(readAnswer(text.slice(0, text.indexOf('\n'))));
      else if (text.length > MAX_ANSWER) silent('the answer is too long');
    });
    socket.on('error', (error) => silent(oneLine(errorText(error))));
    socket.on('close', () => {
      clearTimeout(timer);
      silent('the connection was closed without an answer');
    });
    socket.write(`${JSON.stringify(question)}\n`);
  });
  socket.destroy();
  return answer;
}

function readAnswer(line: string): Asked {
  try {
    const answer: unknown = JSON.parse(line);
    if (isAnswer(answer)) return { kind: 'answered', answer };
  } catch {
    // Reported below, as every other answer that is none.
  }
  return { kind: 'silent', why: 'the answer is no JSON object' };
}

/** The supervisor is trusted, it runs as the same user; but it may be of another version. */
function isAnswer(value: unknown): value is ControlAnswer {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  return value.ok === true || (value.ok === false && 'why' in value && typeof value.why === 'string');
}
