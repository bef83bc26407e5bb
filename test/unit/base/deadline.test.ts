import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineExceeded, pause, withDeadline } from '../../../src/base/deadline.ts';

describe('a wait with a deadline', () => {
  it('ends as the work does', async () => {
    assert.equal(await withDeadline(Promise.resolve(7), 1000, 'work'), 7);
    await assert.rejects(withDeadline(Promise.reject(new TypeError('x')), 1000, 'work'), TypeError);
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- somebody else's code may do it
    await assert.rejects(withDeadline(Promise.reject('text'), 1000, 'work'), { message: 'text' });
  });

  it('ends at the deadline, and says what it waited for', async () => {
    const never = new Promise(() => undefined);
    await assert.rejects(withDeadline(never, 1, 'the scheduler'), (error) => {
      return error instanceof DeadlineExceeded && error.message.startsWith('the scheduler');
    });
  });

  it('outlives work that fails after the deadline', async () => {
    const late = pause(5).then(() => Promise.reject(new Error('late')));
    await assert.rejects(withDeadline(late, 1, 'work'), DeadlineExceeded);
    await pause(10);
  });
});
