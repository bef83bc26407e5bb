/**
 * The command line of sendmail, as programs have used it for forty years: single letters that may be combined
 * (`-ti`), values attached or apart (`-fADDR`, `-f ADDR`), options that only old programs know and that mean nothing
 * here. It only reads; what does not exist here is refused with words that say what to use instead.
 */

export interface SendmailOptions {
  /**
   * deliver: read a message. session: speak SMTP. list: print the queue. aliases: say that there is
   * no database to make of them. idle: nothing to do (`-q`).
   */
  readonly mode: 'deliver' | 'session' | 'list' | 'aliases' | 'idle' | 'help' | 'version';
  /** -t: recipients from the header. */
  readonly fromHeader: boolean;
  /** -i, -oi: a line with a single dot is content. */
  readonly ignoreDots: boolean;
  /** -odq: into the queue, and not tried at once. */
  readonly queueOnly: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  /** -f or -r, as given. */
  readonly sender?: string;
  /** -F. */
  readonly fullName?: string;
  /** -N, upper case. */
  readonly notify?: readonly string[];
  /** -R. */
  readonly ret?: 'FULL' | 'HDRS';
  /** -V. */
  readonly envid?: string;
  readonly etc?: string;
  readonly var?: string;
  readonly recipients: readonly string[];
}

export type ParsedOptions =
  | { readonly ok: true; readonly options: SendmailOptions }
  | { readonly ok: false; readonly why: string };

type Draft = { -readonly [K in keyof SendmailOptions]: SendmailOptions[K] };

/** How a letter takes its value: not at all, always (attached or the next word), or only attached. */
type Takes = 'nothing' | 'value' | 'attached';

interface Letter {
  readonly takes: Takes;
  /** Absent: accepted and without meaning here. A string answered is why the option is refused. */
  readonly apply?: (draft: Draft, value: string) => string | undefined;
}

const LETTERS: Readonly<Record<string, Letter>> = {
  A: { takes: 'value' },
  B: { takes: 'value' },
  C: { takes: 'value' },
  F: { takes: 'value', apply: (draft, value) => void (draft.fullName = value) },
  G: { takes: 'nothing' },
  I: { takes: 'nothing', apply: (draft) => void (draft.mode = 'aliases') },
  L: { takes: 'value' },
  N: { takes: 'value', apply: setNotify },
  O: { takes: 'value' },
  R: { takes: 'value', apply: setReturn },
  U: { takes: 'nothing' },
  V: { takes: 'value', apply: setEnvid },
  X: { takes: 'value' },
  b: { takes: 'value', apply: setMode },
  d: { takes: 'attached' },
  f: { takes: 'value', apply: (draft, value) => void (draft.sender = value) },
  h: { takes: 'value' },
  i: { takes: 'nothing', apply: (draft) => void (draft.ignoreDots = true) },
  m: { takes: 'nothing' },
  n: { takes: 'nothing' },
  o: { takes: 'value', apply: setOld },
  p: { takes: 'value' },
  q: { takes: 'attached', apply: (draft) => void (draft.mode = 'idle') },
  r: { takes: 'value', apply: (draft, value) => void (draft.sender = value) },
  t: { takes: 'nothing', apply: (draft) => void (draft.fromHeader = true) },
  v: { takes: 'nothing', apply: (draft) => void (draft.verbose = true) },
};

/** Letters that stand for something here, for help and manual. */
export const SENDMAIL_OPTIONS: readonly string[] = [
  ...Object.keys(LETTERS).map((letter) => `-${letter}`),
  '--etc',
  '--var',
  '--json',
  '--help',
  '--version',
];

/** What -bi, -I and newaliases answer: packages and administrators run them after each change. */
export const NO_ALIAS_DATABASE =
  'nothing to do: the alias file is read as it is, and `mailfarm reload` takes changes over';

const NOTIFY: ReadonlySet<string> = new Set(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY']);

/** Reads a command line. `why` is one sentence for the user. */
export function parseSendmailOptions(argv: readonly string[]): ParsedOptions {
  const draft: Draft = {
    mode: 'deliver',
    fromHeader: false,
    ignoreDots: false,
    queueOnly: false,
    verbose: false,
    json: false,
    recipients: [],
  };
  const recipients: string[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      recipients.push(...words);
      break;
    }
    if (!word.startsWith('-') || word === '-') recipients.push(word);
    else {
      const why = word.startsWith('--') ? readLong(draft, word, words) : readLetters(draft, word, words);
      if (why !== undefined) return { ok: false, why };
    }
  }
  return { ok: true, options: { ...draft, recipients } };
}

function readLetters(draft: Draft, word: string, words: string[]): string | undefined {
  for (let at = 1; at < word.length; at += 1) {
    const name = word.charAt(at);
    const letter = Object.hasOwn(LETTERS, name) ? LETTERS[name] : undefined;
    if (letter === undefined) return `there is no option -${name}`;
    const attached = word.slice(at + 1);
    const value = letter.takes === 'value' && attached === '' ? words.shift() : attached;
    if (value === undefined) return `option -${name} needs a value`;
    const why = letter.apply?.(draft, value);
    if (why !== undefined) return why;
    if (letter.takes !== 'nothing') return undefined;
  }
  return undefined;
}

function readLong(draft: Draft, word: string, words: string[]): string | undefined {
  const [name, attached] = splitOnce(word.slice(2), '=');
  if (name === 'help' || name === 'version') draft.mode = name;
  else if (name === 'json') draft.json = true;
  else if (name === 'etc' || name === 'var') {
    const value = attached ?? words.shift();
    if (value === undefined || value === '') return `option --${name} needs a directory`;
    draft[name] = value;
  } else return `there is no option --${name}`;
  return undefined;
}

function setMode(draft: Draft, value: string): string | undefined {
  if (value === 'm') draft.mode = 'deliver';
  else if (value === 's') draft.mode = 'session';
  else if (value === 'p') draft.mode = 'list';
  else if (value === 'i') draft.mode = 'aliases';
  else return whyNoMode(value);
  return undefined;
}

function whyNoMode(letter: string): string {
  if (letter === 'd' || letter === 'D') return '-bd is not supported: start the farm with mailfarmd';
  if (letter === 'v') return '-bv is not supported: `mailfarmd --check` checks the configuration';
  return `-b${letter} is not supported; there are -bm, -bs, -bp and -bi`;
}

/**
 * `-oi` counts, and whether mail is tried at once: `-odi` and `-odb`, as without them, or later: `-odq` and `-odd`. `-oem`, `-o7` and
 * the like were decisions of another program.
 */
function setOld(draft: Draft, value: string): undefined {
  if (value === 'i' || value === 'itrue' || value === 'iTrue') draft.ignoreDots = true;
  if (/^d[ibqd]/.test(value)) draft.queueOnly = value.startsWith('dq') || value.startsWith('dd');
}

function setNotify(draft: Draft, value: string): string | undefined {
  const wishes = value.toUpperCase().split(',');
  const valid = wishes.every((wish) => NOTIFY.has(wish)) && (wishes.length === 1 || !wishes.includes('NEVER'));
  if (!valid) return '-N takes never, or a list of success, failure and delay';
  draft.notify = [...new Set(wishes)];
  return undefined;
}

function setReturn(draft: Draft, value: string): string | undefined {
  const wish = value.toUpperCase();
  if (wish !== 'FULL' && wish !== 'HDRS') return '-R takes full or hdrs';
  draft.ret = wish;
  return undefined;
}

function setEnvid(draft: Draft, value: string): string | undefined {
  // RFC 3461 section 4.4: at most 100 characters, printable.
  if (!/^[\x21-\x7e]{1,100}$/.test(value)) return '-V takes 1 to 100 printable characters without space';
  draft.envid = value;
  return undefined;
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
