/** What is known of a domain after it was looked up, and what follows for its mail. Plain values. */
import type { Reply } from '../mail/outcome.ts';
import type { Answer, MxRecord } from './answer.ts';
import type { HostFate, MxHost } from './mx-hosts.ts';

/** An address to connect to. */
export interface MxTarget {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Where mail goes, or the answer that it gets instead; `hosts` where MX records, or the domain in their place, named some. */
export type Resolution =
  | { readonly targets: readonly MxTarget[]; readonly hosts?: readonly MxHost[] }
  | { readonly reply: Reply; readonly hosts?: readonly MxHost[] };

/** Why mail goes to an address, or why not. */
export type AddressFate =
  | 'used'
  /** Loopback, private or special: no stranger may lead us there. */
  | 'private'
  /** We listen there ourselves: mail would come back; so would that for hosts which are no better. */
  | 'own'
  | 'behind-own'
  /** One of too many. */
  | 'beyond';

export interface AddressReport {
  readonly address: string;
  readonly fate: AddressFate;
}

export interface HostReport {
  readonly host: string;
  readonly preference: number;
  /** `beyond` also for one whose addresses are not asked for, because enough others are better. */
  readonly fate: HostFate;
  /** The answers for each family that was asked for. */
  readonly answers: readonly Answer<string>[];
  readonly addresses: readonly AddressReport[];
}

export interface DomainReport {
  readonly domain: string;
  readonly mx: Answer<MxRecord>;
  /** In the order in which they are tried; those that are not used last. */
  readonly hosts: readonly HostReport[];
  readonly resolution: Resolution;
}
