import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SteadyClock } from '../../../src/base/steady-clock.ts';

const HOUR = 3_600_000;

function setUp() {
  const time = { wall: 1_000_000, monotonic: 5 };
  const clock = new SteadyClock({ wall: () => time.wall, monotonic: () => time.monotonic });
  const pass = (ms: number): void => {
    time.wall += ms;
    time.monotonic += ms;
  };
  return { time, clock, pass };
}

describe('the steady clock', () => {
  it('goes with the system clock, and follows it where it creeps', () => {
    const { time, clock, pass } = setUp();
    pass(HOUR);
    assert.equal(clock.now(), time.wall);
    time.wall += 900;
    assert.equal(clock.look(), 0);
    assert.equal(clock.now(), time.wall);
  });

  it('does not believe a jump forward before it stood for an hour', () => {
    const { time, clock, pass } = setUp();
    time.wall += 1000 * HOUR;
    assert.equal(clock.look(), 0);
    pass(HOUR - 1);
    assert.equal(clock.look(), 0);
    assert.equal(clock.now(), time.wall - 1000 * HOUR);
    pass(1);
    assert.equal(clock.look(), 1000 * HOUR);
    assert.equal(clock.now(), time.wall);
  });

  it('forgets a jump that somebody put right', () => {
    const { time, clock, pass } = setUp();
    time.wall += 1000 * HOUR;
    clock.look();
    pass(HOUR / 2);
    time.wall -= 1000 * HOUR;
    assert.equal(clock.look(), 0);
    time.wall += 1000 * HOUR;
    pass(HOUR / 2);
    assert.equal(clock.look(), 0, 'the second is doubted as long as the first');
  });

  it('goes back at once', () => {
    const { time, clock } = setUp();
    time.wall -= HOUR;
    assert.equal(clock.look(), -HOUR);
    assert.equal(clock.now(), time.wall);
  });

  it('has ticks that nobody sets, and turns times of the system clock into waits and back', () => {
    const { time, clock, pass } = setUp();
    const [first, then] = [clock.ticks(), time.wall];
    for (const jump of [0, 1000 * HOUR, -2000 * HOUR]) {
      time.wall += jump;
      for (const look of [() => undefined, () => clock.look()]) {
        look();
        assert.equal(clock.waitUntil(time.wall + 60), 60);
        assert.equal(clock.waitUntil(time.wall - 60), 0);
        assert.equal(clock.timeOf(clock.ticks() + 60), time.wall + 60);
      }
    }
    time.wall = then;
    pass(60);
    assert.equal(clock.ticks(), first + 60);
    pass(0.4);
    assert.equal(clock.tickIn(60), first + 121, 'not before');
  });
});
