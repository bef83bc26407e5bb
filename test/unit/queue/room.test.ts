import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Room } from '../../../src/queue/room.ts';
import { makeTemp } from '../../support/temp.ts';

describe('room on the disk', () => {
  const floors: readonly [string, number, number, boolean][] = [
    ['above both floors', 1, 1, true],
    ['too few bytes', Number.MAX_SAFE_INTEGER, 0, false],
    ['too few inodes', 0, Number.MAX_SAFE_INTEGER, false],
  ];
  for (const [what, freeSpace, freeInodes, expected] of floors) {
    it(`is ${expected ? 'there' : 'not there'}: ${what}`, async () => {
      const room = new Room({ path: makeTemp('room'), freeSpace, freeInodes });
      await room.refresh();
      assert.equal(room.hasRoom(), expected);
    });
  }

  it('is not there where nobody can tell', async () => {
    const room = new Room({ path: join(makeTemp('room'), 'gone'), freeSpace: 0, freeInodes: 0 });
    await room.refresh();
    assert.equal(room.hasRoom(), false);
  });
});
