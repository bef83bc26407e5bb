/**
 * MAIL FROM and RCPT TO lines (RFC 5321 section 4.1.1.2 and 4.1.1.3) as values: the path, and the ESMTP parameters.
 *
 * The path is parsed here once, by src/mail/address.ts; nothing later looks at the text. A source route is dropped, as
 * RFC 5321 appendix C has it: what counts is the last address. Parameters in xtext (RFC 3461 section 4) are decoded before
 * they are checked, so that +0D+0A hides no line break. The caller has refused control characters and bad UTF-8.
 */
import { parseAddress, type Address } from '../mail/address.ts';

/** In quotes they are part of a name, but many servers end the path there: no next hop is ever given such an address. */
export const UNSENDABLE = /[<>]/;

/** Keys in upper case; a Map, so that no keyword can be a property of something. */
export type Parameters = ReadonlyMap<string, string | true>;

export interface PathCommand {
  /** Undefined for `<>`, and where `why` is set. */
  readonly address?: Address;
  /** What is wrong with the address, in words for the client. */
  readonly why?: string;
  /** The address has characters that need SMTPUTF8, and the command did not ask for it. */
  readonly needsUtf8?: boolean;
  readonly parameters: Parameters;
  readonly duplicate?: string;
  /** A parameter whose value is no xtext (RFC 3461 section 4), or one that is too long. */
  readonly malformed?: string;
}

export interface PathOptions {
  /** `MAIL FROM` or `RCPT TO`. */
  readonly name: string;
  /** SMTPUTF8 was given at MAIL; for MAIL itself it is read from the parameters. */
  readonly smtputf8?: boolean;
  /** Domain for `<postmaster>`. */
  readonly postmasterDomain?: string;
}

/** Path in angle brackets; a quoted string may have `<`, `>` and spaces in it. Alternatives are disjoint: linear. */
const PATH = /^<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?: +(.*))?$/;
const SOURCE_ROUTE = /^@[^\s,:@"]+(?:,@[^\s,:@"]+)*:/;
const MAX_PARAMETERS = 20;
/** Parameters in xtext, and how long they may be as they come, in characters (RFC 3461 section 5.4, RFC 4954 section 5). */
const XTEXT: ReadonlyMap<string, number> = new Map([
  ['ENVID', 100],
  ['ORCPT', 500],
  ['AUTH', 500],
]);
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** For the client. */
export function notXtext(parameter: string): string {
  return `Bad value of ${parameter}: it must be xtext, with +HH for special characters, and not too long`;
}

/** Undefined when the line is not of the form `NAME:<path> [parameters]`. */
export function parsePathCommand(line: string, options: PathOptions): PathCommand | undefined {
  const colon = line.indexOf(':');
  if (colon === -1 || line.slice(0, colon).trimEnd().toUpperCase() !== options.name) return undefined;
  const match = PATH.exec(line.slice(colon + 1).trim());
  if (match === null) return undefined;
  const parsed = parseParameters(match[2] ?? '');
  if (parsed === undefined) return undefined;
  const smtputf8 = options.smtputf8 ?? parsed.parameters.get('SMTPUTF8') === true;
  return { ...parsed, ...parsePath(match[1] ?? '', smtputf8, options.postmasterDomain) };
}

function parsePath(
  path: string,
  smtputf8: boolean,
  postmasterDomain: string | undefined,
): Pick<PathCommand, 'address' | 'why' | 'needsUtf8'> {
  const text = path.replace(SOURCE_ROUTE, '');
  if (text === '') return path === '' ? {} : { why: 'the address is empty' };
  const bare = postmasterDomain !== undefined && text.toLowerCase() === 'postmaster';
  const parsed = parseAddress(bare ? `postmaster@${postmasterDomain}` : text, { smtputf8 });
  if (parsed.ok) return { address: parsed };
  const needsUtf8 = !smtputf8 && parseAddress(text, { smtputf8: true }).ok;
  return { why: parsed.why, ...(needsUtf8 && { needsUtf8 }) };
}

function parseParameters(text: string): Pick<PathCommand, 'parameters' | 'duplicate' | 'malformed'> | undefined {
  const parameters = new Map<string, string | true>();
  let duplicate: string | undefined;
  let malformed: string | undefined;
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    const key = (equals === -1 ? word : word.slice(0, equals)).toUpperCase();
    const raw = equals === -1 ? undefined : word.slice(equals + 1);
    const longest = XTEXT.get(key);
    if (raw !== undefined && longest !== undefined && !isXtext(raw, longest)) malformed = key;
    const value = raw === undefined ? true : longest === undefined ? raw : decodeXtext(raw);
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(key) || (value !== true && CONTROL.test(value))) return undefined;
    if (parameters.has(key)) duplicate = key;
    if (parameters.size >= MAX_PARAMETERS) return undefined;
    parameters.set(key, value);
  }
  return {
    parameters,
    ...(duplicate !== undefined && { duplicate }),
    ...(malformed !== undefined && { malformed }),
  };
}

/** Printable ASCII but for the equals sign, and a plus sign only before two hexadecimal digits in upper case. */
function isXtext(value: string, longest: number): boolean {
  return value.length <= longest && /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(value);
}

/** RFC 3461 section 4: `+XX` is a byte. */
function decodeXtext(value: string): string {
  return value.replace(/\+([0-9A-F]{2})/g, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
