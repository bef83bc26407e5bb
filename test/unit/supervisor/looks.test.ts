import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { Looks, LOOK_MS } from '../../../src/supervisor/looks.ts';

describe('looks after the mail', () => {
  it('are taken twice after the last work, and not at all without', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let taken = 0;
      const looks = new Looks(() => (taken += 1));
      mock.timers.tick(5 * LOOK_MS);
      assert.equal(taken, 0);
      for (let n = 0; n < 10; n += 1) looks.noteWork();
      mock.timers.tick(LOOK_MS - 1);
      assert.equal(taken, 0);
      for (let n = 0; n < 5; n += 1) mock.timers.tick(LOOK_MS);
      assert.equal(taken, 2);
      looks.noteWork();
      looks.stop();
      mock.timers.tick(5 * LOOK_MS);
      assert.equal(taken, 2);
    } finally {
      mock.timers.reset();
    }
  });
});
