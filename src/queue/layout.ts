/** The one place that knows where things lie in the queue directory. Everything else asks here (rule 8). */
import { bucketOf, isQueueId } from './queue-id.ts';
import type { QueueId } from './store.ts';

export interface Layout {
  readonly root: string;
  readonly split: number;
}

/** Folders of the queue, all mode 0700. */
export const FOLDERS = ['journal', 'outcome', 'mess', 'tmp', 'corrupt', 'deleted'] as const;
type Folder = (typeof FOLDERS)[number];

/** A segment of a journal: `ID.WORKER`, where ID says when it was begun. */
const SEGMENT = /^([0-9a-z]{19})\.([a-z]+(?:-[a-z0-9]+)*)$/;

export function folder(layout: Layout, name: Folder): string {
  return `${layout.root}/${name}`;
}

export function bucketName(layout: Layout, id: QueueId): string {
  return nameOfBucket(bucketOf(id, layout.split));
}

function nameOfBucket(bucket: number): string {
  return bucket.toString().padStart(2, '0');
}

/** The folders of all buckets, made or not. */
export function allBuckets(layout: Layout): string[] {
  return Array.from({ length: layout.split }, (_, bucket) => `${layout.root}/mess/${nameOfBucket(bucket)}`);
}

export function bucketFolder(layout: Layout, id: QueueId): string {
  return `${layout.root}/mess/${bucketName(layout, id)}`;
}

/** The file of a message in the tree, in the deleted queue, or on its way (`tmp`, with the writer's name). */
export function messagePath(layout: Layout, id: QueueId): string {
  return `${bucketFolder(layout, id)}/${id}`;
}

/** The companion that holds the outcomes of a message in the tree. */
export function statePath(layout: Layout, id: QueueId): string {
  return `${bucketFolder(layout, id)}/${id}.state`;
}

export function deletedPath(layout: Layout, id: QueueId, companion = false): string {
  return `${layout.root}/deleted/${id}${companion ? '.state' : ''}`;
}

/** An empty file beside a deleted message: its name says which deletion took it, and so when. */
export function deletionMarkPath(layout: Layout, id: QueueId, operation: QueueId): string {
  return `${layout.root}/deleted/${id}.${operation}`;
}

export function temporaryPath(layout: Layout, name: string): string {
  return `${layout.root}/tmp/${name}`;
}

export function corruptPath(layout: Layout, name: string): string {
  return `${layout.root}/corrupt/${name}`;
}

export function segmentPath(layout: Layout, kind: 'journal' | 'outcome', name: string): string {
  return `${layout.root}/${kind}/${name}`;
}

export function segmentName(id: QueueId, worker: string): string {
  return `${id}.${worker}`;
}

/** Who wrote a segment and when it was begun, or undefined for a foreign file. */
export function parseSegmentName(name: string): { readonly id: QueueId; readonly worker: string } | undefined {
  const match = SEGMENT.exec(name);
  if (!match?.[1] || !match[2] || !isQueueId(match[1])) return undefined;
  return { id: match[1], worker: match[2] };
}
