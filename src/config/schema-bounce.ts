/** Schemas of what is said of reports to senders: `bounce` of mailfarm.yaml, and the rules of bounce-classes.yaml. */
import { parseAddress } from '../mail/address.ts';
import {
  isCodePattern,
  isStatusPattern,
  isTextPattern,
  REPLY_CLASSES,
  type ClassRule,
  type ReplyClass,
} from '../mail/reply-class.ts';
import { leaf, listOf, oneOf, section, size, text } from './leaf.ts';
import { nearest } from './nearest.ts';

const MIB = 1024 * 1024;
/** Each failure is held against all of them, until one fits. */
const MAX_RULES = 1000;
/** Of one rule. */
const MAX_PATTERNS = 200;

const double = text('drop, postmaster, or an address such as bounces@example.org', (value) => {
  if (value === 'drop' || value === 'postmaster') return value;
  const parsed = parseAddress(value, { smtputf8: true });
  return parsed.ok ? parsed.address : undefined;
});

const replyClass = leaf<ReplyClass>(
  `a class: ${REPLY_CLASSES.join(', ')}`,
  (value) => REPLY_CLASSES.find((name) => name === value),
  (value) => (typeof value === 'string' ? nearest(value, REPLY_CLASSES) : undefined),
);

/** One pattern, or a list of them. YAML takes 550 for a number. */
function patterns(expected: string, isPattern: (pattern: string) => boolean) {
  return leaf<readonly string[]>(`${expected}, or a list of them`, (value) => {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const texts = list.map((one) => (typeof one === 'number' ? String(one) : one));
    const good = (one: unknown): one is string => typeof one === 'string' && isPattern(one);
    return texts.length > 0 && texts.length <= MAX_PATTERNS && texts.every(good) ? texts : undefined;
  });
}

const rule = section({
  class: replyClass,
  code: patterns('an SMTP code such as 550 or 5xx', isCodePattern).exactOptional(),
  status: patterns("an enhanced status code such as 5.7.1 or '*.2.2'", isStatusPattern).exactOptional(),
  text: patterns(
    'text of at most 200 characters in which * stands for any others, such as mailbox * full',
    isTextPattern,
  ).exactOptional(),
}).transform((given, context): ClassRule => {
  if (given.code === undefined && given.status === undefined && given.text === undefined) {
    const message = 'expected one of code, status and text at least: this rule would fit every answer';
    context.issues.push({ code: 'custom', message, input: undefined, path: [] });
  }
  return given;
});

export const bounceSections = {
  bounce: section({ returnSize: size(0, 16 * MIB), double, success: oneOf('relay', 'anyone', 'nobody') }),
  bounceClasses: section({
    rules: listOf(rule, 'rules, each with a class').refine((rules) => rules.length <= MAX_RULES, {
      error: `expected at most ${MAX_RULES} rules`,
    }),
  }),
};
