/**
 * The filter kind `structure`: limits on how a message is built, and names that no attachment may have.
 *
 * The scan itself runs in a thread; here stands what a passed limit means for the client. The texts go to people who
 * did not write the mail program at fault: they say what is wrong and what to do.
 */
import { oneLine } from '../base/text.ts';
import type { Filter as Settings } from '../config/config.ts';
import type { Reply } from '../mail/outcome.ts';
import type { Filter, FilterVerdict } from './filter.ts';
import type { Structure, Violation } from './scan-structure.ts';
import type { StructurePool } from './structure-pool.ts';

export function structureFilter(name: string, settings: Settings, pool: Pick<StructurePool, 'scan'>): Filter {
  return {
    name,
    async check(message, signal) {
      return judge(await pool.scan(message, settings, signal), settings);
    },
  };
}

/** What the limits of `settings` make of a message built like this. */
export function judge(structure: Structure, settings: Settings): FilterVerdict {
  if (structure.violation === undefined) return { verdict: 'accept' };
  return { verdict: settings.action, reply: replyTo(structure.violation, settings) };
}

function replyTo(violation: Violation, settings: Settings): Reply {
  switch (violation.kind) {
    case 'depth':
      return reply(554, '5.6.0', `Message has parts within parts more than ${settings.depth} levels deep; ${PACK}`);
    case 'parts':
      return reply(554, '5.6.0', `Message has more than ${settings.parts} parts; ${PACK}`);
    case 'headers':
      return reply(
        554,
        '5.6.0',
        `Header of the message or of a part has more than ${settings.headers} fields; ${TRIM}`,
      );
    case 'header-size':
      return reply(552, '5.3.4', `Header of the message or of its parts is larger than ${sizeText(settings)}; ${TRIM}`);
    case 'boundary':
      return reply(554, '5.6.0', 'MIME boundary is too long, or there are too many; send it with another mail program');
    default:
      return reply(550, '5.7.1', `Attachment "${asciiName(violation.name)}" is of a kind not accepted here; ${SHARE}`);
  }
}

const PACK = 'send the content as one archive file';
const TRIM = 'send it as a new message instead of a reply or forward';
const SHARE = 'share the file in another way';

function reply(code: number, status: string, text: string): Reply {
  return { code, status, text };
}

function sizeText({ headerSize }: Settings): string {
  return headerSize < 1024 ? `${headerSize} bytes` : `${Math.floor(headerSize / 1024)} KiB`;
}

/** Names come from the message, and SMTP replies are ASCII. */
function asciiName(name: string): string {
  return oneLine(name, 80)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll('"', "'");
}
