/** The resolver and real servers: what it asks, which answers it takes, and what it makes of sick ones. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { startDnsStub } from '../../support/dns-stub.ts';
import { readQuery, record, response, TRUNCATED, type Query } from '../../support/dns-wire.ts';
import { waitFor } from '../../support/wait.ts';
import { makeDns, summary, whyOf } from './support.ts';

describe('DnsResolver', () => {
  it('finds records of each type', async () => {
    const long = 'v=STSv1; '.repeat(60);
    await using server = await startDnsStub({
      'x.test': {
        A: ['192.0.2.1'],
        AAAA: ['2001:db8::1:0', '2001:db8:1:2:3:4:5:6'],
        MX: ['10 Mail.X.test', '0 .'],
        TXT: [long, 'v=spf1 -all'],
      },
      '_25._tcp.x.test': { TLSA: ['3 1 1 00ff'] },
    });
    const dns = makeDns(server.address);
    assert.deepEqual(summary(await dns.resolve('X.test.', 'A')), ['192.0.2.1']);
    assert.deepEqual(summary(await dns.resolve('x.test', 'AAAA')), ['2001:db8::1:0', '2001:db8:1:2:3:4:5:6']);
    assert.deepEqual(summary(await dns.resolve('x.test', 'MX')), [
      { preference: 10, exchange: 'mail.x.test' },
      { preference: 0, exchange: '' },
    ]);
    assert.deepEqual(summary(await dns.resolve('x.test', 'TXT')), [long, 'v=spf1 -all']);
    assert.deepEqual(summary(await dns.resolve('_25._tcp.x.test', 'TLSA')), [
      { usage: 3, selector: 1, matching: 1, data: Buffer.of(0, 255) },
    ]);
    assert.equal(summary(await dns.resolve('x.test', 'TLSA')), 'none');
    assert.equal(summary(await dns.resolve('y.test', 'A')), 'no-domain');
    assert.equal(summary(await dns.resolve('a b.test', 'A')), 'no-domain');
    assert.equal(server.asked.length, 7, 'nobody is asked for what is no name');
  });

  it('asks from another port and under another id each time', async () => {
    await using server = await startDnsStub({});
    const dns = makeDns(server.address);
    await Promise.all(Array.from({ length: 50 }, (_, n) => dns.resolve(`n${n}.test`, 'A')));
    const different = (of: (query: Query) => number): number => new Set(server.queries.map(of)).size;
    assert.ok(different(({ port }) => port) > 40);
    assert.ok(different(({ id }) => id) > 40);
  });

  it('takes no answer to another question, under another id, or that makes no sense; it counts and waits past them', async () => {
    const forgeries = (query: Query): Buffer[] => {
      const other = Buffer.from(query.bytes);
      other.write('z', 13, 'latin1');
      const evil = { answers: [record('A', '192.0.2.66')] };
      const wrongId = response(query, evil);
      wrongId.writeUInt16BE((query.id + 1) & 0xffff, 0);
      return [wrongId, response({ ...query, bytes: other }, evil), query.bytes, Buffer.alloc(40, 0xff), Buffer.of()];
    };
    await using server = await startDnsStub({
      'x.test': { A: (query) => [...forgeries(query), response(query, { answers: [record('A', '192.0.2.1')] })] },
    });
    const dns = makeDns(server.address);
    assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.1']);
    assert.equal(dns.figures.forged, 5);
  });

  it('takes no answer from another address than it asked', async () => {
    await using stranger = await openStranger();
    await using server = await startDnsStub({
      'x.test': {
        A: (query) => {
          stranger.send(response(query, { answers: [record('A', '192.0.2.66')] }), query.port);
          return [];
        },
      },
    });
    const dns = makeDns(server.address, { limits: { questionMs: 300 } });
    assert.equal(whyOf(await dns.resolve('x.test', 'A')), 'no answer in time');
    await waitFor(() => stranger.sent() > 0);
  });

  it('takes records of the name that it asked for, and of no other that comes along', async () => {
    const beside = record('A', '192.0.2.66', { name: 'bank.test' });
    await using server = await startDnsStub({
      'x.test': { A: (query) => [response(query, { answers: [beside, record('A', '192.0.2.1')] })] },
      'bank.test': { A: ['192.0.2.2'] },
    });
    const dns = makeDns(server.address);
    assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.1']);
    assert.deepEqual(summary(await dns.resolve('bank.test', 'A')), ['192.0.2.2']);
  });

  it('is never led from "could not ask" to "there is none"', async () => {
    const codes = [1, 2, 4, 5, 9];
    const table = Object.fromEntries(
      codes.map((code) => [`c${code}.test`, { A: (query: Query) => [response(query, { code })] }]),
    );
    const referral = (query: Query): Buffer[] => {
      const bytes = response(query, { authorities: [] });
      bytes[3] = 0;
      return [bytes];
    };
    await using server = await startDnsStub({ ...table, 'lame.test': { A: referral } });
    const dns = makeDns(server.address);
    const answers = await Promise.all(codes.map((code) => dns.resolve(`c${code}.test`, 'A')));
    assert.deepEqual(answers.map(whyOf), [
      'the server says FORMERR',
      'the server says SERVFAIL',
      'the server says NOTIMP',
      'the server says REFUSED',
      'the server says code 9',
    ]);
    assert.equal(whyOf(await dns.resolve('lame.test', 'A')), 'the server asks no others for us');
  });

  it('asks a server that knows no EDNS again without it', async () => {
    await using server = await startDnsStub({
      'x.test': {
        A: (query) => [
          query.size === undefined
            ? response(query, { answers: [record('A', '192.0.2.1')] })
            : response(query, { code: 1 }),
        ],
      },
    });
    assert.deepEqual(summary(await makeDns(server.address).resolve('x.test', 'A')), ['192.0.2.1']);
  });
});

describe('answers that are long', () => {
  it('come by TCP, where UDP cuts them off', async () => {
    const many = Array.from({ length: 500 }, (_, n) => `${n} host-${n}.x.test`);
    await using server = await startDnsStub({ 'x.test': { MX: many } });
    const found = summary(await makeDns(server.address).resolve('x.test', 'MX'));
    assert.equal(found.length, 500);
    assert.deepEqual(
      server.queries.map(({ way }) => way),
      ['udp', 'tcp'],
    );
  });

  it('may have 64 KiB, and no more is taken', async () => {
    const strings = Array.from({ length: 250 }, (_, n) => `${n} `.padEnd(240, 'x'));
    await using server = await startDnsStub({ 'x.test': { TXT: strings } });
    const found = summary(await makeDns(server.address).resolve('x.test', 'TXT'));
    assert.deepEqual(found, strings);
  });

  it('are trouble where they are cut off by TCP too, or broken, or to another question', async () => {
    const byTcp = (make: (query: Query) => Buffer) => (query: Query) =>
      query.way === 'udp' ? [response(query, { flags: TRUNCATED })] : [make(query)];
    await using server = await startDnsStub({
      'cut.test': { A: byTcp((query) => response(query, { flags: TRUNCATED })) },
      'broken.test': { A: byTcp((query) => response(query, { answers: [Buffer.alloc(65_000, 0xc0)] })) },
      'other.test': { A: byTcp((query) => query.bytes) },
    });
    const dns = makeDns(server.address);
    assert.equal(whyOf(await dns.resolve('cut.test', 'A')), 'the answer is cut off by TCP too');
    assert.equal(whyOf(await dns.resolve('broken.test', 'A')), 'the answer is broken');
    assert.equal(whyOf(await dns.resolve('other.test', 'A')), 'another question was answered');
  });
  it('are trouble where TCP says nothing, ends early, or nobody listens there', async () => {
    const byTcp = (packets: (query: Query) => Buffer[]) => (query: Query) =>
      query.way === 'udp' ? [response(query, { flags: TRUNCATED })] : packets(query);
    await using server = await startDnsStub({ 'silent.test': { A: byTcp(() => []) } });
    const dns = makeDns(server.address, { limits: { questionMs: 3000, tries: 1 } });
    assert.equal(whyOf(await dns.resolve('silent.test', 'A')), 'no answer by TCP in time');
    for (const [onTcp, why] of [
      [(socket: net.Socket) => socket.end(Buffer.of(1, 0, 5)), 'the connection was closed before the answer'],
      [undefined, 'the DNS server cannot be asked by TCP (ECONNREFUSED)'],
    ] as const) {
      await using short = await openShort(onTcp);
      assert.equal(whyOf(await makeDns(short.address).resolve('x.test', 'A')), why);
    }
  });

  it('come in pieces of any size', async () => {
    const piece = (socket: net.Socket): void =>
      void socket.on('data', (asked: Buffer) => {
        const whole = response(readQuery(asked.subarray(2), 'tcp', 0), { answers: [record('A', '192.0.2.1')] });
        for (const byte of [0, whole.length, ...whole]) socket.write(Buffer.of(byte));
      });
    await using server = await openShort((socket) => piece(socket.setNoDelay(true)));
    assert.deepEqual(summary(await makeDns(server.address).resolve('x.test', 'A')), ['192.0.2.1']);
  });
});

describe('servers that are sick', () => {
  it('the next one is asked, and goes on being the first', async () => {
    await using sick = await startDnsStub({
      'x.test': { A: 'silence' },
      'y.test': { A: 'silence' },
      'z.test': { A: 'trouble' },
    });
    await using well = await startDnsStub({
      'x.test': { A: ['192.0.2.1'] },
      'y.test': { A: ['192.0.2.2'] },
      'z.test': {},
    });
    const dns = makeDns('', { resolvers: [sick.address, well.address], limits: { questionMs: 2000 } });
    assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.1']);
    assert.deepEqual(summary(await dns.resolve('y.test', 'A')), ['192.0.2.2']);
    assert.deepEqual(sick.asked, ['A x.test']);
  });

  it('one that says SERVFAIL is not asked again, another is', async () => {
    await using sick = await startDnsStub({ 'x.test': { A: 'trouble' } });
    await using well = await startDnsStub({ 'x.test': { A: ['192.0.2.1'] } });
    const both = makeDns('', { resolvers: [sick.address, well.address] });
    assert.deepEqual(summary(await both.resolve('x.test', 'A')), ['192.0.2.1']);
    assert.equal(whyOf(await makeDns(sick.address).resolve('x.test', 'A')), 'the server says SERVFAIL');
    assert.equal(sick.asked.length, 2);
  });

  it('each is asked twice, and then no more', async () => {
    await using one = await startDnsStub({ 'x.test': { A: 'silence' } });
    await using other = await startDnsStub({ 'x.test': { A: 'rubbish' } });
    const dns = makeDns('', { resolvers: [one.address, other.address], limits: { questionMs: 200 } });
    assert.equal(whyOf(await dns.resolve('x.test', 'A')), 'no answer in time');
    await waitFor(() => one.asked.length >= 2 && other.asked.length >= 2);
    assert.deepEqual([one.asked.length, other.asked.length], [2, 2]);
  });

  it('where nobody listens, that is trouble at once', async () => {
    const gone = await startDnsStub({});
    await gone.close();
    assert.match(whyOf(await makeDns(gone.address).resolve('x.test', 'A')), /cannot be asked by UDP \(ECONNREFUSED\)/);
  });

  it('one dead domain holds up no other', async () => {
    await using server = await startDnsStub({ 'dead.test': { A: 'silence' }, 'x.test': { A: ['192.0.2.1'] } });
    const dns = makeDns(server.address);
    let over = false;
    void dns.resolve('dead.test', 'A').then(() => (over = true));
    await waitFor(() => server.asked.includes('A dead.test'));
    for (let n = 0; n < 50; n += 1) assert.equal(summary(await dns.resolve(`n${n}.test`, 'A')), 'no-domain');
    assert.deepEqual(summary(await dns.resolve('x.test', 'A')), ['192.0.2.1']);
    assert.ok(!over);
  });

  it('answers with any bytes, it neither throws nor hangs', async () => {
    let bytes: (query: Query) => Buffer[] = () => [];
    await using server = await startDnsStub({ 'x.test': { MX: (query) => bytes(query) } });
    const good = (query: Query): Buffer =>
      response(query, { answers: [record('MX', '10 a.test'), record('A', '192.0.2.1')] });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 6 }),
        fc.uint8Array({ maxLength: 100 }),
        async (changes, tail) => {
          bytes = (query) => {
            const changed = good(query);
            for (const [at, value] of changes) changed[at % changed.length] = value;
            return [Buffer.from(tail), Buffer.concat([changed, tail])];
          };
          const dns = makeDns(server.address, { limits: { questionMs: 30, tries: 1 } });
          const { kind } = await dns.resolve('x.test', 'MX');
          assert.ok(['found', 'none', 'no-domain', 'trouble'].includes(kind));
        },
      ),
      { numRuns: 150 },
    );
  });
});

async function openStranger(): Promise<
  AsyncDisposable & { readonly send: (bytes: Buffer, port: number) => void; readonly sent: () => number }
> {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.2', resolve));
  let sent = 0;
  return {
    send: (bytes, port) => socket.send(bytes, port, '127.0.0.1', () => (sent += 1)),
    sent: () => sent,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** A server that cuts every answer off by UDP; what it does by TCP, the caller says. */
async function openShort(
  onTcp: ((socket: net.Socket) => unknown) | undefined,
): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets: net.Socket[] = [];
  const tcp = net.createServer((socket) => {
    sockets.push(socket.on('error', () => socket.destroy()));
    onTcp?.(socket);
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as net.AddressInfo;
  const udp = dgram.createSocket('udp4');
  udp.on('message', (bytes, from) => {
    udp.send(response(readQuery(bytes, 'udp', from.port), { flags: TRUNCATED }), from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  const closeTcp = (): Promise<unknown> => new Promise((resolve) => tcp.close(resolve));
  if (onTcp === undefined) await closeTcp();
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      if (onTcp !== undefined) await closeTcp();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
    },
  };
}
