/** The channels by name: what makes the deliverer of a lane. A new channel is one more line here and one more farm. */
import type { Config } from '../config/config.ts';
import type { MxResolver } from '../dns/mx-resolver.ts';
import type { HandOn } from '../ipc/hand-on.ts';
import type { Logger } from '../log/logger.ts';
import { domainOf } from '../mail/address.ts';
import { withoutEmptyTag } from '../mail/aliases.ts';
import type { Hop } from '../mail/outcome.ts';
import type { Store } from '../queue/store.ts';
import { BounceDeliverer } from './channels/bounce/deliverer.ts';
import { doubleAddress } from './channels/bounce/readers.ts';
import { MaildirDeliverer } from './channels/maildir/deliverer.ts';
import { DirectorySyncs } from './channels/maildir/directories.ts';
import { SessionDeliverer } from './channels/smtp/deliverer.ts';
import { openNextHop, openTargets, resolveInSite } from './channels/smtp/next-hop.ts';
import { SiteDeliverer } from './channels/smtp/site-deliverer.ts';
import type { GiveClass } from './classes.ts';
import type { Deliverer } from './deliverer.ts';
import type { SessionSettings } from './settings.ts';

/** Before the key of a site in the hop of a lane. */
const SITE = 'site:';

export interface ChannelParts {
  readonly config: Config;
  readonly store: Store;
  readonly log: Logger;
  /** The one of this worker: all its lanes share what it remembers. */
  readonly resolver: MxResolver;
  /** To the router, for reports. */
  readonly handOn: HandOn;
  /** Gets the ids of reports as long as they are made and not handed on. */
  readonly unsent: Set<string>;
  readonly giveClass: GiveClass;
}

/** Returns what makes a lane's deliverer; what lanes of one worker share is made once, here. */
export function channelMaker(parts: ChannelParts): (hop: Hop) => Deliverer {
  const { config, store, log, resolver, handOn, unsent, giveClass } = parts;
  const { hostname } = config;
  const settings: SessionSettings = { hostname, ...config.smtp };
  const syncs = new DirectorySyncs();
  const local = new Set(config.domains.local.map((domain) => domain.toLowerCase()));
  // Elsewhere a tag, also an empty one, is the recipient's own affair.
  const onWire = (recipient: string): string =>
    local.has(domainOf(recipient)) ? withoutEmptyTag(recipient) : recipient;
  return ({ channel, next }) => {
    switch (channel) {
      case 'smtp':
      case 'lmtp': {
        const { idleMs } = settings;
        const common = { lmtp: channel === 'lmtp', settings };
        if (!next.startsWith(SITE)) {
          const open = (signal: AbortSignal) => openNextHop({ ...common, next, resolver, signal });
          return new SessionDeliverer({ open, idleMs, lmtp: common.lmtp, onWire });
        }
        return new SiteDeliverer({
          site: next.slice(SITE.length),
          resolve: (domain) => resolveInSite(domain, resolver),
          openTargets: (targets, signal) => openTargets(targets, { ...common, signal }),
          idleMs,
          onWire,
        });
      }
      case 'maildir':
        return new MaildirDeliverer({ root: config.maildir.root, hostname, syncs });
      case 'bounce':
        return new BounceDeliverer({
          store,
          handOn,
          unsent,
          log,
          hostname,
          giveClass,
          lifetime: config.retry.lifetime,
          returnSize: config.bounce.returnSize,
          double: doubleAddress(config.bounce.double, hostname, config.domains.local),
        });
    }
  };
}
