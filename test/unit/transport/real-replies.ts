/**
 * What mail systems really say when they refuse or put off, and what each means. Names and addresses are made up; the words, and
 * where the lines break, are those of the servers.
 */
import type { ReplyClass } from '../../../src/mail/reply-class.ts';

export const REAL_REPLIES: Readonly<Record<string, readonly (readonly [ReplyClass, string])[]>> = {
  Gmail: [
    [
      'unknown-user',
      "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1-20020si1234.5 - gsmtp",
    ],
    [
      'inactive-user',
      '550-5.2.1 The email account that you tried to reach is inactive. For more\n550-5.2.1 information, go to\n550 5.2.1  https://support.google.com/mail/?p=DisabledUser x9-20020si1.2 - gsmtp',
    ],
    [
      'inactive-user',
      '550-5.2.1 The email account that you tried to reach is disabled. Learn more at\n550 5.2.1  https://support.google.com/mail/?p=DisabledUser x9si1.2 - gsmtp',
    ],
    [
      'mailbox-full',
      "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452-4.2.2 recipient to\n452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp d2-20020si1.2 - gsmtp",
    ],
    [
      'mailbox-full',
      '552-5.2.2 The email account that you tried to reach is over quota. Please direct\n552-5.2.2 the recipient to\n552 5.2.2  https://support.google.com/mail/?p=OverQuotaPerm k1si2.3 - gsmtp',
    ],
    [
      'rate-limited',
      '450-4.2.1 The user you are trying to contact is receiving mail at a rate that\n450-4.2.1 prevents additional messages from being delivered. Please resend your\n450-4.2.1 message at a later time. If the user is able to receive mail at that\n450 4.2.1 time, your message will be delivered. y3si1.2 - gsmtp',
    ],
    [
      'rate-limited',
      '450-4.2.1 The user you are trying to contact is receiving mail too quickly.\n450 4.2.1 Please resend your message at a later time. y3si1.2 - gsmtp',
    ],
    [
      'rate-limited',
      '421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n421-4.7.28 from your IP address. To protect our users from spam, mail sent from\n421 4.7.28 your IP address has been temporarily rate limited. b5si1.2 - gsmtp',
    ],
    [
      'spam',
      '550-5.7.1 [192.0.2.1      12] Gmail has detected that this message is likely\n550-5.7.1 unsolicited mail. To reduce the amount of spam sent to Gmail, this\n550-5.7.1 message has been blocked. For more information, go to\n550 5.7.1  https://support.google.com/mail/?p=UnsolicitedMessageError c7si1.2 - gsmtp',
    ],
    [
      'spam',
      '550-5.7.1 [192.0.2.1] Gmail has detected that this message is likely suspicious due\n550-5.7.1 to the very low reputation of the sending domain. To best protect our\n550 5.7.1 users from spam, the message has been blocked. q1si1.2 - gsmtp',
    ],
    [
      'auth',
      "550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's\n550-5.7.26 DMARC policy. Please contact the administrator of example.com domain if\n550 5.7.26 this was a legitimate mail. e1si1.2 - gsmtp",
    ],
    [
      'auth',
      '550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n550 5.7.26 r4si1.2 - gsmtp',
    ],
    [
      'auth',
      '550-5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR\n550-5.7.25 record setup, or the corresponding forward DNS entry does not match the\n550 5.7.25 sending IP. f1si1.2 - gsmtp',
    ],
    [
      'size',
      "552-5.2.3 Your message exceeded Google's message size limits. For more information,\n552 5.2.3  visit https://support.google.com/mail/?p=MaxSizeError g1si1.2 - gsmtp",
    ],
    [
      'virus',
      '552-5.7.0 This message was blocked because its content presents a potential\n552-5.7.0 security issue. Please visit\n552 5.7.0  https://support.google.com/mail/?p=BlockedMessage h1si1.2 - gsmtp',
    ],
    [
      'relay-denied',
      '550-5.7.1 Relaying denied\n550 5.7.1 https://support.google.com/a/?p=relay_denied i1si1.2 - gsmtp',
    ],
  ],
  'Outlook, Exchange Online': [
    [
      'unknown-user',
      '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [BN8NAM11FT042.eop-nam11.prod.protection.outlook.com]',
    ],
    [
      'unknown-user',
      '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.com not found by SMTP address lookup',
    ],
    [
      'unknown-user',
      '550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [DB5EUR01FT012.eop-EUR01.prod.protection.outlook.com]',
    ],
    [
      'blocked',
      '550 5.7.1 Unfortunately, messages from [192.0.2.1] weren\u2019t sent. Please contact your Internet service provider since part of their network is on our block list (S3140). You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors.',
    ],
    [
      'blocked',
      '550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/',
    ],
    [
      'blocked',
      '550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list please forward this message to delist@microsoft.com.',
    ],
    [
      'rate-limited',
      '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)',
    ],
    [
      'auth',
      '550 5.7.515 Access denied, sending domain EXAMPLE.COM does not meet the required authentication level. The sender\u2019s domain in the 5322.From address does not meet the authentication requirements defined for the sender.',
    ],
    ['auth', '550 5.7.23 The message was rejected because of Sender Policy Framework violation -> 550 5.7.1'],
    [
      'mailbox-full',
      '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
    ],
    [
      'relay-denied',
      '550 5.7.64 TenantAttribution; Relay Access Denied [AM5EUR03FT044.eop-EUR03.prod.protection.outlook.com]',
    ],
    [
      'policy',
      '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed',
    ],
    [
      'loop',
      '554 5.4.14 Hop count exceeded - possible mail loop ATTR34 [HE1EUR01FT060.eop-EUR01.prod.protection.outlook.com]',
    ],
  ],
  'Exchange Server': [
    ['unknown-user', '550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found; invalid recipient'],
    ['relay-denied', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain'],
    ['policy', '550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized'],
    ['policy', '530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM'],
    ['system', '452 4.3.1 Insufficient system resources'],
    [
      'rate-limited',
      '421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel',
    ],
    ['size', '550 5.3.4 SMTPSEND.OverAdvertisedSize; message size exceeds fixed maximum message size'],
  ],
  'Yahoo, AOL': [
    [
      'unknown-user',
      "554 delivery error: dd This user doesn't have a yahoo.com account (bob@yahoo.com) [0] - mta1234.mail.ne1.yahoo.com",
    ],
    ['unknown-user', '552 1 Requested mail action aborted, mailbox not found'],
    [
      'inactive-user',
      '554 delivery error: dd Sorry, your message to bob@yahoo.com cannot be delivered. This mailbox is disabled (554.30).',
    ],
    ['mailbox-full', '552 5.2.2 Sorry, your message to bob@yahoo.com cannot be delivered. This account is over quota.'],
    [
      'rate-limited',
      '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes',
    ],
    [
      'blocked',
      '421 4.7.1 [TSS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed. See https://postmaster.yahooinc.com/error-codes',
    ],
    [
      'blocked',
      "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see http://postmaster.yahoo.com/550-bl23.html",
    ],
    ['policy', '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes'],
    ['rate-limited', '451 Message temporarily deferred - [160]'],
  ],
  Postfix: [
    ['unknown-user', '550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown in local recipient table'],
    ['unknown-user', '550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown in virtual mailbox table'],
    ['unknown-user', '450 4.1.1 <bob@example.org>: Recipient address rejected: undeliverable address: unverified'],
    ['relay-denied', '554 5.7.1 <bob@example.org>: Relay access denied'],
    [
      'blocked',
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1',
    ],
    ['dns', '450 4.1.8 <anna@nowhere.example>: Sender address rejected: Domain not found'],
    ['auth', '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]'],
    ['auth', '450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]'],
    ['policy', '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname'],
    ['size', '552 5.3.4 Message size exceeds fixed limit'],
    [
      'greylisted',
      '450 4.2.0 <bob@example.org>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.org.html',
    ],
    ['tls', '530 5.7.0 Must issue a STARTTLS command first'],
    ['tls', '454 4.7.0 TLS not available due to local problem'],
    ['system', '452 4.3.1 Insufficient system storage'],
    ['system', '451 4.3.0 Error: queue file write error'],
    ['rate-limited', '450 4.7.1 Error: too much mail from 192.0.2.1'],
    ['rate-limited', '421 4.7.0 mx.example.org Error: too many errors'],
    ['system', '421 4.3.2 mx.example.org Service shutting down'],
    ['spam', '550 5.7.1 message content rejected'],
  ],
  Exim: [
    ['unknown-user', '550 Unrouteable address'],
    ['unknown-user', '550-Unknown user\n550 Unknown user'],
    ['policy', '550-Verification failed for <anna@example.com>\n550-No Such User Here\n550 Sender verify failed'],
    ['relay-denied', '550 relay not permitted'],
    ['policy', '550 Administrative prohibition'],
    ['size', '552 Message size exceeds maximum permitted'],
    ['spam', '550 This message was classified as SPAM and may not be delivered'],
    ['system', '451 Temporary local problem - please try later'],
    ['virus', '550 This message contains a virus or other harmful content (Eicar-Test-Signature)'],
    ['greylisted', '451 Greylisted, please try again in 300 seconds'],
    ['mailbox-full', '552 5.2.2 mailbox is full (MTA-imposed quota exceeded while writing to file)'],
  ],
  'Dovecot (LMTP)': [
    ['unknown-user', "550 5.1.1 <bob@example.org> User doesn't exist: bob@example.org"],
    ['mailbox-full', '552 5.2.2 <bob@example.org> Quota exceeded (mailbox for user is full)'],
    ['system', '451 4.3.0 <bob@example.org> Temporary internal error'],
  ],
  qmail: [
    ['unknown-user', '550 sorry, no mailbox here by that name. (#5.1.1 - chkuser)'],
    ['relay-denied', "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"],
    ['size', '552 sorry, that message size exceeds my databytes limit (#5.3.4)'],
    ['loop', '554 too many hops, this message is looping (#5.4.6)'],
    ['mailbox-full', '552 The users mailfolder is over the allowed quota (size). (#5.2.2)'],
    ['system', '451 qq write error or disk full (#4.3.0)'],
    ['protocol', '451 See http://pobox.com/~djb/docs/smtplf.html.'],
    ['blocked', '553 http://www.spamhaus.org/query/bl?ip=192.0.2.1 (#5.7.1)'],
  ],
  others: [
    ['unknown-user', '550 5.1.1 <bob@icloud.com>: user lookup success but no user record found'],
    ['blocked', '550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1'],
    ['blocked', '550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550'],
    ['policy', '550 Rejected by header based Anti-Spoofing policy: anna@example.com'],
    ['blocked', '550 permanent failure for one or more recipients (bob@example.org:blocked)'],
    [
      'auth',
      '554-gmx.net (mxgmx016) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource record.\n554 For explanation visit https://postmaster.gmx.net/en/case',
    ],
    ['unknown-user', '550 Requested action not taken: mailbox unavailable'],
    [
      'blocked',
      '554 IP=192.0.2.1 - A problem occurred. Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify. (BL)',
    ],
    ['spam', '554 5.7.1 Message rejected as spam by Content Filtering.'],
    ['unknown-user', '551 5.1.1 User not local; please try <bob@elsewhere.example>'],
    ['mailbox-full', '452 4.2.2 Mailbox full'],
    ['protocol', '503 Bad sequence of commands'],
    ['system', '421 4.3.2 System not accepting network messages'],
    ['dns', '556 5.1.10 Recipient address has null MX'],
    ['other', '554 Transaction failed'],
    ['policy', '550 5.7.1 No'],
    ['other', '554 5.0.0 What we think of it is our affair'],
  ],
};
