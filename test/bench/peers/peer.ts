/** What the comparison knows of a mail server: whether it is here, how to start it, and where its processes are. */

export interface Peer {
  /** As on the command line: `postfix`. */
  readonly name: string;
  /** Where it cannot run: why, and how to get it. */
  missing(): string | undefined;
  /** As in the report: `Postfix 3.7.11`. */
  title(): string;
  /** Starts it, ready to take mail. Rejects with what it printed when it does not come up. */
  start(place: PeerPlace): Promise<RunningPeer>;
}

export interface PeerPlace {
  /** Its own, on a disk, and open to other users: some peers are several. A second start on the same one finds the queue of the first. */
  readonly folder: string;
  /** All mail goes to this port of 127.0.0.1. */
  readonly nextHop: number;
}

export interface RunningPeer {
  readonly port: number;
  /** All its processes are this one and those below it. */
  readonly pid: number;
  /** In order, as an operator does. */
  stop(): Promise<void>;
  /** SIGKILL to every process at once. */
  kill(): Promise<void>;
}

/** What every peer is told, so that none waits longer than another: deferred mail is due again after so long. */
export const RETRY_SECONDS = 60;
