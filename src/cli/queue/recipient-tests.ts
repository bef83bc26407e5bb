/** Selectors that look at one recipient of a message: its address, state, next hop, and the last reply it got. */
import { parseDomain } from '../../mail/domain.ts';
import type { Reply } from '../../mail/outcome.ts';
import type { RecipientState } from '../../queue/fold.ts';
import { compilePattern } from './pattern.ts';

export type RecipientTest = (recipient: RecipientState) => boolean;

export function addressTest(pattern: string): RecipientTest {
  const fits = compilePattern(pattern);
  return ({ address }) => fits(address);
}

/** `example.org`, or `.example.org` for it and everything below. */
export function domainTest(pattern: string): RecipientTest {
  const wanted = canonical(pattern);
  const fits = fitsDomain(wanted);
  return ({ address }) => fits(address.slice(address.lastIndexOf('@') + 1).toLowerCase());
}

function fitsDomain(wanted: string): (domain: string) => boolean {
  if (wanted.includes('*')) return compilePattern(wanted);
  if (!wanted.startsWith('.')) return (domain) => domain === wanted;
  return (domain) => domain === wanted.slice(1) || domain.endsWith(wanted);
}

/** As the queue has domains: lower case, A-labels. A pattern, and what is no domain, stays as it is. */
function canonical(pattern: string): string {
  const dot = pattern.startsWith('.') ? '.' : '';
  const parsed = parseDomain(pattern.slice(dot.length));
  return parsed.ok ? dot + parsed.domain : pattern.toLowerCase();
}

export function stateTest(state: string): RecipientTest {
  return (recipient) => recipient.state === state;
}

/**
 * The name of a bin as `mailfarm status` shows it (`smtp mx:example.org`), its next hop alone (`mx:example.org`), or its channel where
 * that is all there is of it (`maildir`, `bounce`).
 */
export function hopTest(pattern: string): RecipientTest {
  const fits = compilePattern(pattern.trim());
  return (recipient) => {
    const hop = hopOf(recipient);
    if (!hop) return false;
    const { channel, next } = hop;
    const shared = channel === 'maildir' || channel === 'bounce';
    return (next !== '' && fits(next)) || fits(`${channel} ${next}`.trim()) || (shared && fits(channel));
  };
}

/** Where it goes next: of what failed, or what its sender wants to hear of, a report is owed. Undefined before it was routed, as far as is known. */
export function hopOf({ state, hop }: Pick<RecipientState, 'state' | 'hop'>): RecipientState['hop'] {
  return state === 'failed' || state === 'succeeded' ? { channel: 'bounce', next: '' } : hop;
}

/** The text, the code, the enhanced status, or all three as `queue list` shows them, with or without the host. */
export function replyTest(pattern: string): RecipientTest {
  const fits = compilePattern(pattern.trim());
  return ({ reply }) => {
    if (!reply) return false;
    const words = replyWords(reply);
    return (
      fits(String(reply.code)) ||
      fits(reply.status) ||
      fits(reply.text) ||
      fits(words) ||
      (reply.remote !== undefined && fits(`${reply.remote}: ${words}`))
    );
  };
}

/** `451 4.4.1 no answer`. Some replies carry their codes in the text already. */
export function replyWords({ code, status, text }: Reply): string {
  return text.startsWith(`${code}`) ? text : `${code} ${status} ${text}`;
}
