import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rcptParameters } from '../../../../../src/transport/channels/smtp/dsn-parameters.ts';

const wants = (address: string, notify?: string[]) => ({ address, ...(notify && { dsn: { notify } }) });
const of = (...given: Parameters<typeof rcptParameters>) => Object.fromEntries(rcptParameters(...given));

it('what an alias put in inherits NEVER, if nobody in the envelope wants to hear', () => {
  const never = wants('list@here', ['NEVER']);
  assert.deepEqual(of([never], ['a@b.test']), { 'a@b.test': 'NOTIFY=NEVER', 'list@here': 'NOTIFY=NEVER' });
  assert.deepEqual(of([never, wants('c@b.test')], ['a@b.test', 'c@b.test']), { 'list@here': 'NOTIFY=NEVER' });
  assert.deepEqual(of([wants('list@here', ['FAILURE'])], ['a@b.test']), {
    'list@here': 'NOTIFY=FAILURE ORCPT=rfc822;list@here',
  });
});

it('who was named without ORCPT is named to the next hop as he came, unless nobody reports', () => {
  const to = ['a+b@c.test'];
  assert.deepEqual(of([wants('a+b@c.test', ['SUCCESS'])], to), {
    'a+b@c.test': 'NOTIFY=SUCCESS ORCPT=rfc822;a+2Bb@c.test',
  });
  const given = { address: 'a+b@c.test', dsn: { notify: ['DELAY'], orcpt: 'rfc822;old@c.test' } };
  assert.deepEqual(of([given], to), { 'a+b@c.test': 'NOTIFY=DELAY ORCPT=rfc822;old@c.test' });
  assert.deepEqual(of([wants('a+b@c.test', ['NEVER'])], to), { 'a+b@c.test': 'NOTIFY=NEVER' });
  assert.deepEqual(of([wants('jürgen@c.test', ['DELAY'])], ['jürgen@c.test']), { 'jürgen@c.test': 'NOTIFY=DELAY' });
  assert.deepEqual(of([wants('a+b@c.test')], to), {});
});
