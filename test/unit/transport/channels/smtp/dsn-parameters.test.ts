import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rcptParameters } from '../../../../../src/transport/channels/smtp/dsn-parameters.ts';

const wants = (address: string, notify?: string[]) => ({ address, ...(notify && { dsn: { notify } }) });
const of = (...given: Parameters<typeof rcptParameters>) => Object.fromEntries(rcptParameters(...given));

it('what an alias put in inherits NEVER, if nobody in the envelope wants to hear', () => {
  const never = wants('list@here', ['NEVER']);
  assert.deepEqual(of([never], ['a@b.test']), { 'a@b.test': 'NOTIFY=NEVER', 'list@here': 'NOTIFY=NEVER' });
  assert.deepEqual(of([never, wants('c@b.test')], ['a@b.test', 'c@b.test']), { 'list@here': 'NOTIFY=NEVER' });
  assert.deepEqual(of([wants('list@here', ['FAILURE'])], ['a@b.test']), { 'list@here': 'NOTIFY=FAILURE' });
});
