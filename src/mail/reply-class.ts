/**
 * Classes of failure: from the words of a next hop to the one thing that they mean, by ordered rules; the first that fits decides.
 *
 * A next hop may say anything, and an operator may write any rule, so no regular expression is built of either. A pattern is plain
 * text with gaps; finding it takes one walk through an answer of at most 1000 characters, whatever it says.
 */
/** In the order in which the manual explains them. */
export const REPLY_CLASSES = [
  'unknown-user',
  'inactive-user',
  'mailbox-full',
  'size',
  'blocked',
  'spam',
  'virus',
  'auth',
  'policy',
  'relay-denied',
  'rate-limited',
  'greylisted',
  'dns',
  'connection',
  'tls',
  'protocol',
  'loop',
  'system',
  'other',
] as const;
export type ReplyClass = (typeof REPLY_CLASSES)[number];

/** All that is given has to fit; of several patterns, one. */
export interface ClassRule {
  readonly class: ReplyClass;
  /** SMTP codes, as `550`; an x stands for any digit: `55x`, `4xx`. */
  readonly code?: readonly string[];
  /** Enhanced status codes, as `5.7.1`; a star stands for any number: `*.2.2`. */
  readonly status?: readonly string[];
  /**
   * Somewhere in the text, in any case; a star stands for any characters between: `mailbox * full`. Addresses in the text are gone:
   * a lone `@` stands in the place of each.
   */
  readonly text?: readonly string[];
}

const CODE = /^[2-5x][0-9x][0-9x]$/;
const STATUS = /^[245*]\.(?:\d{1,3}|\*)\.(?:\d{1,3}|\*)$/;
const MAX_PATTERN = 200;

export function isCodePattern(pattern: string): boolean {
  return CODE.test(pattern);
}

export function isStatusPattern(pattern: string): boolean {
  return STATUS.test(pattern);
}

/** Not of stars and spaces alone: that would fit everything. */
export function isTextPattern(pattern: string): boolean {
  return /^[^\p{C}]+$/u.test(pattern) && pattern.length <= MAX_PATTERN && /[^\s*]/.test(pattern);
}

/** Gives the class of a reply. */
export type Classify = (reply: { readonly code: number; readonly status: string; readonly text: string }) => ReplyClass;

/** Compiles rules, the first to try first. What no rule fits is `other`. */
export function compileClasses(rules: readonly ClassRule[]): Classify {
  const compiled = rules.map(compileRule);
  return ({ code, status, text }) => {
    const said = { code: String(code), status: status.split('.'), text: normalise(withoutAddresses(text)) };
    return compiled.find((rule) => rule.fits(said))?.class ?? 'other';
  };
}

interface Said {
  readonly code: string;
  readonly status: readonly string[];
  readonly text: string;
}

interface CompiledRule {
  readonly class: ReplyClass;
  readonly fits: (said: Said) => boolean;
}

function compileRule(rule: ClassRule): CompiledRule {
  const statuses = rule.status?.map((pattern) => pattern.split('.'));
  const texts = rule.text?.map((pattern) =>
    normalise(pattern)
      .split('*')
      .filter((piece) => piece !== ''),
  );
  return {
    class: rule.class,
    fits: ({ code, status, text }) =>
      (rule.code?.some((pattern) => fitsCode(code, pattern)) ?? true) &&
      (statuses?.some((pattern) => fitsStatus(status, pattern)) ?? true) &&
      (texts?.some((pieces) => hasInOrder(text, pieces)) ?? true),
  };
}

function fitsCode(code: string, pattern: string): boolean {
  if (code.length !== pattern.length) return false;
  for (let at = 0; at < code.length; at += 1) if (pattern[at] !== 'x' && pattern[at] !== code[at]) return false;
  return true;
}

function fitsStatus(status: readonly string[], pattern: readonly string[]): boolean {
  return status.length === pattern.length && pattern.every((part, at) => part === '*' || part === status[at]);
}

/** The first place of each piece is the best one: it leaves most to those behind it. */
function hasInOrder(text: string, pieces: readonly string[]): boolean {
  let from = 0;
  for (const piece of pieces) {
    const at = text.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return true;
}

/** What stands around an address in an answer: white space, brackets, quotes, and what ends a clause. */
const AROUND = /[\s<>()"'`,:;]/;

/**
 * The text with a lone `@` in the place of every address: `virus@example.org` is no virus. Each character is passed over twice at
 * most.
 */
function withoutAddresses(text: string): string {
  let rest = '';
  let from = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', from)) {
    let start = at;
    while (start > from && !AROUND.test(text.charAt(start - 1))) start -= 1;
    rest += `${text.slice(from, start)}@`;
    from = at + 1;
    while (from < text.length && !AROUND.test(text.charAt(from))) from += 1;
  }
  return from === 0 ? text : rest + text.slice(from);
}

/** Lines of an answer are joined, and broken anywhere: white space is one space, and apostrophes are straight. */
function normalise(text: string): string {
  return text.toLowerCase().replaceAll('\u2019', "'").replace(/\s+/g, ' ');
}
