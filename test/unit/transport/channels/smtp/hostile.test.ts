/** Next hops that lie, stall and leave (ROBUSTNESS 2.11): always an outcome, never a crash, never a false delivery. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLOSE, RESET, startScriptedServer, type ScriptedAnswer } from '../../../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';
/** Only where silence is waited for: a busy machine takes its time for everything else. */
const SHORT = { greetingMs: 500, commandMs: 500, dataMs: 500 };

interface Case {
  readonly name: string;
  readonly script: Readonly<Record<string, ScriptedAnswer>>;
  /** `state code status` of the only recipient. */
  readonly expect: string;
  readonly trouble?: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'refuses with 554 at once',
    script: { greeting: '554 go away' },
    expect: 'deferred 451 4.5.0',
    trouble: true,
  },
  { name: 'greets with 421', script: { greeting: '421 4.3.2 busy' }, expect: 'deferred 421 4.3.2', trouble: true },
  { name: 'closes before the greeting', script: { greeting: CLOSE }, expect: 'deferred 451 4.4.1', trouble: true },
  { name: 'never greets', script: { greeting: null }, expect: 'deferred 451 4.4.1', trouble: true },
  {
    name: 'greets without end',
    script: { greeting: { raw: `220-${'x'.repeat(200_000)}` } },
    expect: 'deferred 451 4.4.1',
    trouble: true,
  },
  {
    name: 'greets with endless lines',
    script: { greeting: { raw: '220-x\r\n'.repeat(50_000) } },
    expect: 'deferred 451 4.4.1',
    trouble: true,
  },
  {
    name: 'greets with garbage',
    script: { greeting: 'HTTP/1.1 400 Bad Request' },
    expect: 'deferred 451 4.4.1',
    trouble: true,
  },
  {
    name: 'refuses EHLO and HELO',
    script: { EHLO: '502 no', HELO: '502 no' },
    expect: 'deferred 451 4.5.0',
    trouble: true,
  },
  { name: 'closes at EHLO', script: { EHLO: CLOSE }, expect: 'deferred 451 4.4.1', trouble: true },
  { name: 'stays silent at EHLO', script: { EHLO: null }, expect: 'deferred 451 4.4.1', trouble: true },
  {
    name: 'changes the code within a reply',
    script: { MAIL: '250-ok\r\n550 no' },
    expect: 'deferred 451 4.4.2',
    trouble: true,
  },
  { name: 'answers MAIL with 354', script: { MAIL: '354 go on' }, expect: 'deferred 451 4.5.0' },
  { name: 'answers MAIL with 25', script: { MAIL: '25 ok' }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'answers MAIL with 2500', script: { MAIL: '2500 ok' }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'answers MAIL with 250_', script: { MAIL: '250_ok' }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'answers RCPT with abc', script: { RCPT: 'abc' }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'refuses the sender', script: { MAIL: '550 5.7.1 not you' }, expect: 'failed 550 5.7.1' },
  { name: 'says 421 at MAIL', script: { MAIL: '421 4.7.0 enough' }, expect: 'deferred 421 4.7.0', trouble: true },
  { name: 'says 421 at RCPT', script: { RCPT: '421 4.7.0 enough' }, expect: 'deferred 421 4.7.0', trouble: true },
  { name: 'says 421 at DATA', script: { DATA: '421 4.7.0 enough' }, expect: 'deferred 421 4.7.0', trouble: true },
  {
    name: 'says 421 after the content',
    script: { '.': '421 4.7.0 enough' },
    expect: 'deferred 421 4.7.0',
    trouble: true,
  },
  { name: 'answers DATA with 250', script: { DATA: '250 ok' }, expect: 'deferred 451 4.5.0' },
  { name: 'refuses DATA', script: { DATA: '554 5.7.1 no' }, expect: 'failed 554 5.7.1' },
  { name: 'refuses the content', script: { '.': '554 5.6.0 bad content' }, expect: 'failed 554 5.6.0' },
  { name: 'defers the content', script: { '.': '452 4.3.1 full' }, expect: 'deferred 452 4.3.1' },
  { name: 'answers the content with 354', script: { '.': '354 more' }, expect: 'deferred 451 4.5.0' },
  { name: 'answers without text', script: { '.': '250' }, expect: 'delivered 250 2.0.0' },
  {
    name: 'answers in several lines',
    script: { '.': '250-2.0.0 taken\r\n250 2.0.0 queued' },
    expect: 'delivered 250 2.0.0',
  },
  { name: 'claims a status of another class', script: { '.': '550 2.0.0 lie' }, expect: 'failed 550 5.0.0' },
  { name: 'closes at MAIL', script: { MAIL: CLOSE }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'closes at DATA', script: { DATA: CLOSE }, expect: 'deferred 451 4.4.2', trouble: true },
  { name: 'stays silent at MAIL', script: { MAIL: null }, expect: 'deferred 451 4.5.0' },
  { name: 'stays silent after the content', script: { '.': null }, expect: 'deferred 451 4.4.2' },
  { name: 'closes after the content', script: { '.': CLOSE }, expect: 'deferred 451 4.4.2' },
  { name: 'answers twice', script: { EHLO: '250 x\r\n250 y' }, expect: 'deferred 451 4.5.0', trouble: true },
  {
    name: 'answers before it is asked',
    script: { MAIL: '250 ok\r\n250 ok\r\n354 go on\r\n250 taken' },
    expect: 'deferred 451 4.4.2',
  },
];

describe('a next hop that', () => {
  for (const { name, script, expect, trouble = false } of CASES) {
    it(name, async () => {
      await using server = await startScriptedServer(script);
      const silent = Object.values(script).includes(null);
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, silent ? SHORT : {});
      const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      await deliverer.close();
      assert.equal(summarise(result)['a@b.test'], expect, JSON.stringify(result));
      assert.equal(result.trouble !== undefined, trouble, JSON.stringify(result));
    });
  }

  it('is not there', async () => {
    const server = await startScriptedServer();
    await server.close();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(result)['a@b.test'], 'deferred 451 4.4.1');
    assert.match(result.trouble?.text ?? '', /ECONNREFUSED/);
  });

  it('puts control characters into its replies: they reach nobody', async () => {
    await using server = await startScriptedServer({ RCPT: '550 5.1.1 \u001b[31mred\u0007 \u202eback\u0000' });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.match(result.verdicts[0]?.reply.text ?? '', /^\[31mred +back$/);
  });

  it('accepts before the content is sent: not believed', async () => {
    await using server = await startScriptedServer({
      DATA: { raw: '354 go on\r\n250 2.0.0 taken\r\n', takeData: true },
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const large = `Subject: x\r\n\r\n${'line\r\n'.repeat(500_000)}`;
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(large, {}, false));
    await deliverer.close();
    assert.equal(result.verdicts[0]?.state, 'deferred', JSON.stringify(result));
  });
});

describe('a next hop that takes its time', () => {
  it('has a limit at each step, by which a slow delivery is told from a hung one', async () => {
    const steps: [string, boolean][] = [];
    const answer =
      (text: string) =>
      (line: string): string => {
        steps.push([line.split(/[ :]/)[0] ?? '', deliverer.bounded]);
        return text;
      };
    await using server = await startScriptedServer({
      EHLO: answer('250 x'),
      MAIL: answer('250 ok'),
      '.': answer('250 taken'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    assert.equal(deliverer.bounded, false);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(result.verdicts[0]?.state, 'delivered');
    assert.equal(deliverer.bounded, false);
    await deliverer.close();
    assert.deepEqual(steps, [
      ['EHLO', true],
      ['MAIL', true],
      ['.', true],
    ]);
  });
});

describe('a connection lost with one batch of recipients', () => {
  it('leaves the other batches for another time', async () => {
    await using server = await startScriptedServer({ '.': CLOSE });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const to = Array.from({ length: 150 }, (_, n) => `r${n}@b.test`);
    const result = await deliverer.deliver(makeJob(to), makeMessage(CONTENT));
    await deliverer.close();
    assert.deepEqual(
      result.verdicts.map(({ recipients, reply }) => [recipients.length, reply.status]),
      [
        [100, '4.4.2'],
        [50, '4.4.2'],
      ],
    );
    assert.equal(server.sessions.length, 1);
  });
});

describe('a session kept from an earlier job', () => {
  it('that died meanwhile is replaced at once', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    server.sessions[0]?.socket.destroy();
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0');
    assert.equal(server.sessions.length, 2);
  });

  for (const [name, answer] of [
    ['closes', CLOSE],
    ['resets', RESET],
    ['says 421', '421 4.4.2 idle too long'],
  ] as const) {
    it(`that ${name} at MAIL is replaced once`, async () => {
      await using server = await startScriptedServer({
        MAIL: (_line, heard) => (heard.lines.filter((line) => line.startsWith('MAIL')).length > 1 ? answer : '250 ok'),
      });
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
      await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      await deliverer.close();
      assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0');
      assert.equal(server.sessions.length, 2);
    });
  }

  it('that dies after the content is not tried again', async () => {
    await using server = await startScriptedServer({
      '.': (_line, heard) => (heard.lines.filter((line) => line === 'DATA').length > 1 ? CLOSE : '250 ok'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@b.test'], 'deferred 451 4.4.2');
    assert.equal(result.verdicts[0]?.reply.text, 'connection lost after data');
    assert.equal(server.sessions.length, 1);
  });

  it('that sent something unasked is not used', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    server.sessions[0]?.socket.write('250 2.0.0 taken\r\n');
    const result = await deliverer.deliver(makeJob(['b@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    // Whether the stray reply is seen before MAIL leaves or after: it is never taken for the answer to the content.
    const delivered = server.sessions.filter(({ lines }) => lines.includes('RCPT TO:<b@b.test>')).at(-1)?.session === 2;
    assert.equal(result.verdicts[0]?.state, delivered ? 'delivered' : 'deferred', JSON.stringify(result));
  });
});

describe('closing', () => {
  it('while a session is being opened ends that too', async () => {
    await using server = await startScriptedServer({ greeting: null });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, { greetingMs: 60_000 });
    const delivery = deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    while (server.sessions.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await deliverer.close();
    assert.equal(summarise(await delivery)['a@b.test'], 'deferred 451 4.4.1');
  });

  it('during a delivery ends it as deferred', async () => {
    await using server = await startScriptedServer({ MAIL: null });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, { commandMs: 60_000 });
    const delivery = deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    while (!server.sessions[0]?.lines.some((line) => line.startsWith('MAIL')))
      await new Promise((resolve) => setImmediate(resolve));
    await deliverer.close();
    assert.equal(summarise(await delivery)['a@b.test'], 'deferred 451 4.4.2');
  });
});
