/** What a next hop said in one mail transaction: raw replies by command, and how far it went. Filled by connection.ts, judged by judge.ts. */
export interface Transcript {
  mail?: string;
  /** By recipient. */
  readonly rcpt: Map<string, string>;
  data?: string;
  /** Content is being sent. */
  bodyBegun: boolean;
  /** The end mark left: from here on the next hop may have the message, whatever is heard. */
  dotSent: boolean;
  /** Reply to the end mark. */
  final?: string;
  /** LMTP: one for each recipient accepted (RFC 2033 section 4.2). */
  readonly finals: Map<string, string>;
  /** Why the transaction ended early. */
  error?: Error;
}

export function newTranscript(): Transcript {
  return { rcpt: new Map(), bodyBegun: false, dotSent: false, finals: new Map() };
}
