/** Messages for tests: each carries an id in its header, by which ledgers know it again. */

export interface ContentOptions {
  readonly subject?: string;
  /** Bytes of the body, about. */
  readonly size?: number;
  readonly body?: string;
}

/** A small message with the header field X-Test-Id. CRLF line ends. */
export function makeContent(id: string, options: ContentOptions = {}): string {
  const body = options.body ?? fill(options.size ?? 200);
  const header = [`From: <sender@test.example>`, `Subject: ${options.subject ?? `message ${id}`}`, `X-Test-Id: ${id}`];
  return `${header.join('\r\n')}\r\n\r\n${body}${body.endsWith('\r\n') ? '' : '\r\n'}`;
}

/** The id of such a message, from its header. */
export function testId(content: Buffer | string): string | undefined {
  const text = typeof content === 'string' ? content.slice(0, 8192) : content.toString('latin1', 0, 8192);
  return /^X-Test-Id: (\S+)/m.exec(text)?.[1];
}

function fill(size: number): string {
  const line = `${'0123456789'.repeat(7)}\r\n`;
  return line.repeat(Math.max(1, Math.ceil(size / line.length)));
}
