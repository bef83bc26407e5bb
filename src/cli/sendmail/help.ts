/** What `sendmail --help` prints. The manual page, etc/man/sendmail.1, says more. */
export const SENDMAIL_HELP = `sendmail: hand a message to Mailfarm, as every Unix program expects it

Usage:
  sendmail [options] recipient...     send the message on standard input
  sendmail -t [options]               the same, recipients from To, Cc and Bcc
  sendmail -bs                        speak SMTP on standard input and output
  sendmail -bp                        list the queue (also when called as mailq; see queue --help)

Options:
  -t             take the recipients from the header; Bcc is removed
  -i, -oi        a line with a single dot does not end the message
  -f ADDRESS     envelope sender, '<>' for none (also -r)
  -F NAME        full name for a From field that is missing
  -N WISHES      notifications: never, or success,failure,delay
  -R full|hdrs   what a bounce returns: the whole message or its header
  -V ID          envelope id, returned with notifications
  -odq           queue only: try it when deferred mail would be tried first (retry.times), or at queue retry;
                 -odb and -odi: at once, as without them
  -v             say where the message went: each queue id, with its recipients where there are several
  --etc DIR      configuration of the farm (or MAILFARM_ETC)
  --var DIR      working directory of the farm (or MAILFARM_VAR)
  --json         with -bp: one JSON object a line

Examples:
  printf 'Subject: hello\\n\\nFirst message.\\n' | sendmail -v you@localhost
  sendmail -t -oi < message.eml

When no farm answers, the message is put into its queue on disk and leaves when the farm starts. Only root and the
owner of the working directory may write there: for everybody else it is status 75, try again later.

Exit status:
  0   the farm, or its queue on disk, has the message
  64  wrong usage             65  the message or an address in it is wrong
  67  no such user            68  no such host
  69  refused                 75  try again later
  77  not permitted           78  the configuration is wrong
`;
