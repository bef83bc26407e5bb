/**
 * Asks the supervisor over its control socket: one JSON object a line, a question and its answer.
 */
import { errorText, oneLine } from '../../base/text.ts';
import { connectEndpoint } from '../../client/endpoint.ts';
import { CONTROL_SOCKET } from './settings.ts';

export type ControlAnswer =
  | { readonly kind: 'answered'; readonly answer: Readonly<Record<string, unknown>> }
  /** Nobody listens: no farm runs. */
  | { readonly kind: 'down'; readonly permitted: boolean }
  /** The supervisor does not answer, or not in a way we know. */
  | { readonly kind: 'silent'; readonly why: string };

const CONNECT_MS = 2000;
const MAX_ANSWER = 4 * 1024 * 1024;

/** Sends `question` and waits for its answer, at most `deadlineMs` milliseconds. Call it within var. */
export async function askSupervisor(
  question: Readonly<Record<string, unknown>>,
  deadlineMs: number,
): Promise<ControlAnswer> {
  const connected = await connectEndpoint({ path: CONTROL_SOCKET }, CONNECT_MS);
  if (!connected.ok) return { kind: 'down', permitted: connected.code !== 'EACCES' && connected.code !== 'EPERM' };
  const { socket } = connected;
  const answer = await new Promise<ControlAnswer>((resolve) => {
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

function readAnswer(line: string): ControlAnswer {
  try {
    const answer: unknown = JSON.parse(line);
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer))
      return { kind: 'answered', answer: { ...answer } };
  } catch {
    // Reported below, as every other answer that is none.
  }
  return { kind: 'silent', why: 'the answer is no JSON object' };
}
