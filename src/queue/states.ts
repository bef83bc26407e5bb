/**
 * The state table of the queue: which files stand for which state, who may move a message on, and the instant from which a
 * state counts. README.md in this folder shows the same table; a test holds the two together.
 */

export interface QueueState {
  readonly state: string;
  /** What is on disk. J: record in journal/, A: accept record behind it, M: mess/NN/ID, S: mess/NN/ID.state, O: outcome journal, T: tmp/, D: deleted/. */
  readonly files: string;
  readonly meaning: string;
  /** Who may move it on, and into which states. */
  readonly movers: string;
  /** The instant of commitment: from here on the state survives any crash. */
  readonly commitment: string;
  /** What the injector does with it. */
  readonly recovery: string;
}

export const QUEUE_STATES: readonly QueueState[] = [
  {
    state: 'gathering',
    files: 'memory, or T',
    meaning: 'bytes are coming in; nothing was promised',
    movers: 'its acceptor: staged, accepted, gone',
    commitment: 'none',
    recovery: 'forgotten; T is swept',
  },
  {
    state: 'staged',
    files: 'J without A, or T',
    meaning: 'whole and readable for the filters; nothing was promised',
    movers: 'its acceptor: accepted, quarantined, gone',
    commitment: 'none',
    recovery: 'forgotten; T is swept',
  },
  {
    state: 'accepted',
    files: 'J (with A when it was staged), or M',
    meaning: 'we answered 250, or may have',
    movers: 'router: expanded; transport: attempted; settler: stays',
    commitment: 'fdatasync of the segment after J or A; for M the sync of its folder after the link',
    recovery: 'to the router',
  },
  {
    state: 'expanded',
    files: 'as accepted, and O or S',
    meaning: 'other recipients stand in the place of an alias',
    movers: 'as accepted',
    commitment: 'fdatasync of the outcome segment',
    recovery: 'the new recipients to the router, the alias is done',
  },
  {
    state: 'stays',
    files: 'M, perhaps S and O',
    meaning: 'it has a file of its own; a record in J that is left counts no more',
    movers: 'transport, bounce maker, operator: every state below',
    commitment: 'sync of the folder after the link',
    recovery: 'to the scheduler when every recipient has a hop, else to the router',
  },
  {
    state: 'deferred',
    files: 'M, and O or S',
    meaning: 'tried, to be tried again at a time',
    movers: 'transport: delivered, failed, deferred; operator: held, failed, deleted',
    commitment: 'fdatasync of the outcome segment',
    recovery: 'to the scheduler, not before its time',
  },
  {
    state: 'failed',
    files: 'J or M, and O or S',
    meaning: 'failed for good; the sender was not told yet',
    movers: 'bounce maker: bounced, dropped',
    commitment: 'fdatasync of the outcome segment',
    recovery: 'to the scheduler, for the bounce channel',
  },
  {
    state: 'succeeded',
    files: 'J or M, and O or S',
    meaning: 'delivered, relayed or expanded; its sender asked to be told, and was not yet',
    movers: 'bounce maker: delivered, expanded',
    commitment: 'fdatasync of the outcome segment',
    recovery: 'to the scheduler, for the bounce channel',
  },
  {
    state: 'held',
    files: 'M and S',
    meaning: 'nothing is tried: quarantined, held by an operator, or a suspect',
    movers: 'operator: released, failed, deleted',
    commitment: 'fdatasync of S, after M or before M is linked',
    recovery: 'left alone',
  },
  {
    state: 'finished',
    files: 'J or M, and O or S: a final outcome for every recipient',
    meaning: 'delivered, bounced, dropped or expanded; only removal is left',
    movers: 'scheduler: gone, once no file of it can appear any more',
    commitment: 'fdatasync of the outcome segment',
    recovery: 'removed',
  },
  {
    state: 'deleted',
    files: 'D',
    meaning: 'taken out by an operator, who may bring it back',
    movers: 'operator: stays; injector: gone, after queue.deletedFor',
    commitment: 'sync of the bucket that it left, after that of deleted/',
    recovery: 'left alone for its time, then removed',
  },
];
