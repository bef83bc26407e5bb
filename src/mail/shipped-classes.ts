/**
 * The rules by which replies are classified, as shipped: a table, read from the top. Those of etc/bounce-classes.yaml come before.
 *
 * Words come first, because many servers give one code for everything; where the words say nothing, the enhanced status code
 * (RFC 3463, RFC 7372) decides, and last the SMTP code. Only the codes that mean one thing come before the widest words. Of the words, what is narrow comes before what is wide: a text about a
 * blocked host may well name the mailbox, too.
 */
import type { ClassRule, ReplyClass } from './reply-class.ts';

/** What the words say; bars and line ends stand between patterns. */
const BY_TEXT: readonly ClassRule[] = [
  words('policy', 'helo command rejected | sender verify failed | sender verification failed'),
  words(
    'loop',
    'mail loop | mail forwarding loop | routing loop | too many hops | hop count exceeded | loops back to | is looping',
  ),
  words(
    'greylisted',
    'greylist | graylist | grey listed | grey-list | gray-list | postgrey | please retry in * seconds',
  ),
  words(
    'tls',
    `must issue a starttls | starttls is required | starttls required | tls is required | tls required | requires tls
     encryption required | encryption needed | tls handshake | ssl routines | tls currently unavailable | tls not available`,
  ),
  words(
    'virus',
    `virus | malware | infected | trojan | suspicious attachment | message was blocked because its content
     presents a potential security issue | attachment * not allowed`,
  ),
  words(
    'auth',
    `unauthenticated email | is unauthenticated | dmarc | spf policy | spf check | spf validation | spf fail | fails spf | failed spf
     sender policy framework | spf record | spf: | spf verification | dkim | not pass authentication | sender id check
     required authentication level | failed authentication checks | ptr record | ptr resource record | reverse dns
     reverse hostname | rdns | cannot find your hostname | cannot find your reverse`,
  ),
  words(
    'rate-limited',
    `receiving mail too quickly | receiving mail at a rate | rate limit | ratelimit | rate-limit | unusual rate of
     too many messages | too many connections | too many concurrent | too many recipients | too many emails | too many mails
     too many sessions | too many simultaneous | too many errors | too much mail | concurrent connection
     exceeded * limit * per hour | message rate | sending rate | throttl | temporarily deferred | temporarily rate
     connection frequency limited | sending quota | too fast | daily quota | hourly quota | daily message quota | hourly message quota
     daily mail quota | hourly mail quota | daily limit | hourly limit`,
  ),
  // Before spam, which the names and pages of block lists have in them.
  words('blocked', `spamhaus | spamcop | barracudacentral | sorbs.net | uceprotect | dnsbl | blocked using`),
  words(
    'spam',
    `likely unsolicited mail | likely suspicious | unsolicited bulk | spam message | spam content | spam detected | spam score
     is spam | as spam | considered spam | looks like spam | contains spam | spam-like | as a spam | as being spam | likely spam | potential spam | probable spam | suspected spam
     possible spam | probability of spam | spamassassin | junk mail | content rejected | message content * rejected
     content filter | bulk mail | rejected due to content | rejected for content | to be spam | spam filter`,
  ),
  words(
    'mailbox-full',
    `over quota | overquota | over-quota | over its quota | over the allowed quota | exceeds quota | quota exceeded
     exceeded quota | exceeds its quota | exceeded its quota | exceeds his quota | exceeded his quota | exceeds their quota
     exceeded their quota | exceeds the quota | exceeded the quota | disk quota | exceeded storage
     quota has been exceeded | out of storage | mailbox full | mailbox is full | mailbox * is full | inbox is full | inbox full
     folder full | account full | account is full | user is full | storage is full | storage full | storage quota
     mailbox quota | quota violation | mailbox size limit exceeded | exceed mailbox quota | disk space for user
     not enough storage space available | quota exceed`,
  ),
  words(
    'size',
    `message size exceeds | message exceeds | message exceeded | exceeded google's message size | exceeds size limit
     exceeds the size limit | exceeds fixed | exceeds maximum | exceeds the maximum | exceeds our maximum | size limit
     message too large | message is too large | message too big | message is too big | message file too big
     message length exceeds | message size * exceeds | is larger than * takes | larger than the current system limit`,
  ),
  words(
    'blocked',
    `surbl | uribl | proofpoint.com | an rbl | rbl: | blacklist | black list | black-list | blocklist | block list | denylist | blocked by | blocked - | :blocked)
     is blocked | are blocked | been blocked | was blocked | temporarily blocked | access denied, banned | banned sending ip
     ip * banned | reputation | part of their network is on | connections will not be accepted from
     will be permanently deferred | not accepted from dynamic | s3140 | s3150 | s775b | senderbase | your host is not allowed
     dynamic ip | dynamically assigned | client host rejected | client host [*] blocked | (bl) | ip address * not allowed`,
  ),
  words(
    'relay-denied',
    `relay access denied | relaying denied | relay denied | relay not permitted | relaying not allowed | not permitted to relay
     relaying is not allowed | unable to relay | attempt to relay | relay prohibited | we do not relay | list of allowed rcpthosts
     is not hosted here | recipient domain not found here`,
  ),
  words(
    'inactive-user',
    `account is disabled | account disabled | account has been disabled | account that you tried to reach is disabled
     user is disabled | user disabled | user has been disabled | mailbox is disabled | mailbox disabled | mailbox has been disabled
     account is locked | account locked | account has been locked | account is inactive | account inactive
     inactive user | inactive mailbox | is inactive | account is suspended | account suspended | user is suspended
     user suspended | has been suspended | account closed | mailbox is not active | no longer in use | no longer valid | no longer available
     no longer accepts mail | no longer with | dormant | has been deactivated | not accepting messages | not accepting mail`,
  ),
  words(
    'dns',
    `domain not found | domain * does not exist | domain does not exist | domain of sender address * does not | nullmx
     sender domain must exist | mx record | no valid mx | host not found | host unknown | unknown host | name service error
     unresolvable | unrouteable mail domain | dns lookup | dns error | dns failure | dns query | dns server | temporary dns
     temporary lookup failure | could not resolve | cannot resolve`,
  ),
  words(
    'unknown-user',
    `account that you tried to reach does not exist | user unknown | unknown user | unknown local | unknown virtual
     unknown recipient | recipient unknown | unknown mailbox | unknown address | address unknown | unknown or illegal
     no such user | no such mailbox | no such recipient | no such address | no such person | no such local user
     no such account | no mailbox here | no mailbox by that name | no mail box | no user record | mailbox not found
     mailbox unavailable | mailbox does not exist | mailbox * does not exist | user not found | user does not exist
     user * does not exist | user doesn't exist | recipient not found | recipient * not found | recipient does not exist
     recipient * does not exist | address does not exist | address * does not exist | account does not exist
     account * does not exist | doesn't have a * account | recipientnotfound | invalid recipient | invalid mailbox | invalid user
     invalid address | not a valid recipient | not a valid mailbox | not a valid user | not our customer | not a known user
     recipient address rejected: undeliverable | recipient address rejected: access denied | unrouteable address
     unroutable address | unable to find recipient | bad destination mailbox | recipient rejected | user invalid`,
  ),
  // Gaps that take in half a sentence stand behind the words that say it in one piece.
  words(
    'inactive-user',
    `account * has been disabled | user * has been disabled | mailbox * has been disabled | account * has been locked
     account * temporarily disabled | mailbox * temporarily disabled | account temporarily disabled | mailbox temporarily disabled
     account * is disabled | user * is disabled | mailbox * is disabled | account * is locked | account * is suspended
     user * is suspended | account @ disabled | account <@> disabled | user @ disabled | user <@> disabled
     mailbox @ disabled | mailbox <@> disabled | account @ locked | account <@> locked | account @ suspended
     account <@> suspended | user @ suspended | user <@> suspended | mailbox * is not active`,
  ),
  { ...words('mailbox-full', 'exceeds * quota | exceeded * quota'), status: ['*.0.*', '*.1.*', '*.2.*', '*.3.*'] },
  // Codes that mean one thing say more than the words below, which stand in texts of every kind.
  statuses('auth', '*.7.20 *.7.21 *.7.22 *.7.23 *.7.24 *.7.25 *.7.26 *.7.27 *.7.29'),
  statuses('rate-limited', '*.7.28'),
  statuses('mailbox-full', '*.2.2'),
  statuses('unknown-user', '*.1.1'),
  words(
    'policy',
    `policy | not authorized | not authorised | access denied | administrative prohibition | administratively prohibited
     permission denied | restricted | rejected by recipient | sender rejected | sender address rejected | sender denied
     not allowed to send | authentication required | authentication is required | must authenticate | header check
     prohibited | spoofing`,
  ),
  words(
    'connection',
    `connection refused | connection timed out | connection reset | connection lost | connection closed | econnrefused
     econnreset | etimedout | ehostunreach | enetunreach | network is unreachable | no route to host | idle timeout`,
  ),
  words(
    'system',
    `insufficient system storage | insufficient system resources | insufficient disk space | no space left | disk full
     out of memory | service shutting down | service not available | service unavailable | not accepting network messages
     local error in processing | internal error | server error | server configuration | system error | system problem
     system resources | queue file write error | load average | server busy | too busy`,
  ),
  words(
    'protocol',
    `protocol error | bad sequence of commands | bare lf | bare <lf> | smtplf | line too long | syntax error
     command not recognized | command unrecognized | unrecognized command | command not implemented | rfc 5322 | rfc 2822`,
  ),
];

/** What the enhanced status code says, by RFC 3463, its registry, and RFC 7372. */
const BY_STATUS: readonly ClassRule[] = [
  statuses('dns', '*.1.2 *.1.8 *.1.10 *.4.3 *.4.4'),
  statuses('inactive-user', '*.1.6 *.2.1 *.7.13 *.7.17'),
  statuses('unknown-user', '*.1.0 *.1.3 *.1.4 *.2.4'),
  statuses('size', '*.2.3 *.3.4'),
  statuses('system', '*.3.* *.4.5'),
  statuses('loop', '*.4.6'),
  statuses('connection', '*.4.1 *.4.2'),
  statuses('rate-limited', '*.5.3'),
  statuses('protocol', '*.5.* *.6.*'),
  statuses('tls', '*.7.5 *.7.6 *.7.7 *.7.10 *.7.11 *.7.30'),
  statuses('policy', '*.7.*'),
];

/** What the SMTP code says: servers of old, and those that say nothing. */
const BY_CODE: readonly ClassRule[] = [
  codes('system', '421 432 451 452 454'),
  codes('protocol', '500 501 502 503 504 555'),
  codes('policy', '530 535'),
  codes('unknown-user', '450 550 551 553'),
  codes('mailbox-full', '552'),
  codes('dns', '521 556'),
];

export const SHIPPED_CLASSES: readonly ClassRule[] = [...BY_TEXT, ...BY_STATUS, ...BY_CODE];

function words(name: ReplyClass, patterns: string): ClassRule {
  return { class: name, text: patterns.split(/[|\n]/).map((pattern) => pattern.trim()) };
}

function statuses(name: ReplyClass, patterns: string): ClassRule {
  return { class: name, status: patterns.split(' ') };
}

/** Only without an enhanced status code, which says more; what is read from a reply without one ends in zeros. */
function codes(name: ReplyClass, patterns: string): ClassRule {
  return { class: name, code: patterns.split(' '), status: ['*.0.0'] };
}
