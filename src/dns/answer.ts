/**
 * What may be asked of DNS and what comes back: always a value. "There is none" is told apart from "could not ask", because only
 * the first is final for mail.
 */

/** Record types that may be asked for, by their number (RFC 1035, RFC 3596, RFC 6698). */
export const TYPE_NUMBERS = { A: 1, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;
export type RecordType = keyof typeof TYPE_NUMBERS;

export interface MxRecord {
  readonly preference: number;
  /** In presentation form (see name.ts), lower case, without a dot at its end; `''` is the root, as in the null MX. */
  readonly exchange: string;
}

/** RFC 6698 section 2.1. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  readonly data: Buffer;
}

/** What a record of each type holds. */
export interface RecordData {
  readonly A: string;
  readonly AAAA: string;
  readonly MX: MxRecord;
  /** Its strings joined without anything between them, one character for each byte. */
  readonly TXT: string;
  readonly TLSA: TlsaRecord;
}

/** `expires`: until when it is remembered, in ticks of the resolver's clock. */
export type Answer<T> =
  | {
      readonly kind: 'found';
      readonly value: readonly T[];
      readonly expires: number;
      /** The whole chain of aliases and its end were validated: see `smtp.dnssec`. */
      readonly secure: boolean;
      /** Where the chain of aliases (CNAME) ended; the name that was asked for where there is none. */
      readonly name: string;
    }
  /** `none`: the name exists, without records of this type. Secure: it is proved that there are none. */
  | { readonly kind: 'none' | 'no-domain'; readonly expires: number; readonly secure: boolean }
  /** Never "none": mail would go astray, or bounce, over a sick DNS server. */
  | { readonly kind: 'trouble'; readonly expires: number; readonly why: string };

export interface Question {
  /** Lower case, without a dot at its end. */
  readonly name: string;
  readonly type: RecordType;
}
