import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import { parseNext } from '../../../../../src/transport/channels/smtp/next-hop.ts';
import { startDnsStub } from '../../../../support/dns-stub.ts';
import { startScriptedServer } from '../../../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';

describe('parseNext', () => {
  it('reads what a hop may say', () => {
    assert.deepEqual(parseNext('mx:example.org', 25), { kind: 'mx', domain: 'example.org', named: false });
    assert.deepEqual(parseNext('route:example.org', 25), { kind: 'mx', domain: 'example.org', named: true });
    assert.deepEqual(parseNext('[mail.example.org]:2525', 25), { kind: 'host', host: 'mail.example.org', port: 2525 });
    assert.deepEqual(parseNext('[192.0.2.1]', 25), { kind: 'host', host: '192.0.2.1', port: 25 });
    assert.deepEqual(parseNext('[2001:db8::1]:26', 25), { kind: 'host', host: '2001:db8::1', port: 26 });
    assert.deepEqual(parseNext('[IPv6:2001:db8::1]:26', 25), { kind: 'host', host: '2001:db8::1', port: 26 });
    const run = '0123456789abcdef'.repeat(2);
    assert.deepEqual(parseNext(`drill:${run}`, 25), { kind: 'drill', run });
    assert.equal(parseNext('drill:2525', 25), undefined);
    assert.deepEqual(parseNext('unix:/run/x.sock', 25), { kind: 'path', path: '/run/x.sock' });
    for (const bad of ['', 'example.org', '[x', 'x]:25', '[x]:port']) assert.equal(parseNext(bad, 25), undefined);
  });

  it('what it cannot read is deferred: an operator has to look', async () => {
    const result = await makeSessionDeliverer('nonsense').deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(result)['a@b.test'], 'deferred 451 4.3.5');
  });
});

describe('delivery by MX', () => {
  /** Two hosts of one port: told apart by their loopback address. */
  const table = {
    'two.test': { MX: ['10 first.test', '20 second.test'] },
    'first.test': { A: ['127.0.0.2'] },
    'second.test': { A: ['127.0.0.1'] },
    'null.test': { MX: ['0 .'] },
  };

  it('goes to the second host where the first is not there', async () => {
    await using dns = await startDnsStub(table);
    await using server = await startScriptedServer();
    const changes = { resolvers: [dns.address], port: server.port };
    const deliverer = makeSessionDeliverer('mx:two.test', changes);
    const result = await deliverer.deliver(makeJob(['a@two.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@two.test'], 'delivered 250 2.0.0', JSON.stringify(result));
    assert.equal(result.verdicts[0]?.reply.remote, `second.test [127.0.0.1]:${server.port}`);
  });

  it('goes to the next address where one greets with a refusal', async () => {
    await using dns = await startDnsStub({
      'one.test': { MX: ['1 a.test', '2 b.test'] },
      'a.test': { A: ['127.0.0.1'] },
      'b.test': { A: ['127.0.0.1'] },
    });
    let refuse = true;
    await using server = await startScriptedServer({
      greeting: () => {
        const answer = refuse ? '421 4.3.2 busy' : '220 welcome';
        refuse = false;
        return answer;
      },
    });
    const deliverer = makeSessionDeliverer('mx:one.test', { resolvers: [dns.address], port: server.port });
    const result = await deliverer.deliver(makeJob(['a@one.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@one.test'], 'delivered 250 2.0.0');
    assert.equal(server.sessions.length, 2);
  });

  it('goes to the second host where the first takes the connection and stays silent', async () => {
    await using dns = await startDnsStub(table);
    await using server = await startScriptedServer();
    await using _silent = await listenSilently('127.0.0.2', server.port);
    const changes = { resolvers: [dns.address], port: server.port, connectMs: 500, greetingMs: 5000, commandMs: 5000 };
    const deliverer = makeSessionDeliverer('mx:two.test', changes);
    const result = await deliverer.deliver(makeJob(['a@two.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@two.test'], 'delivered 250 2.0.0', JSON.stringify(result));
  });

  it('goes to the second host where the first has many addresses that are all silent', async () => {
    const silent = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
    await using dns = await startDnsStub({ ...table, 'first.test': { A: silent } });
    await using server = await startScriptedServer();
    await using stack = new AsyncDisposableStack();
    for (const address of silent) stack.use(await listenSilently(address, server.port));
    const changes = { resolvers: [dns.address], port: server.port, connectMs: 300 };
    const deliverer = makeSessionDeliverer('mx:two.test', changes);
    const result = await deliverer.deliver(makeJob(['a@two.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@two.test'], 'delivered 250 2.0.0', JSON.stringify(result));
  });

  it('waits, in trouble, where an operator named a host or domain that DNS does not know', async () => {
    await using dns = await startDnsStub(table);
    for (const next of ['[smarthost.test]:587', 'route:smarthost.test', 'route:null.test']) {
      const deliverer = makeSessionDeliverer(next, { resolvers: [dns.address] });
      const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      assert.deepEqual(summarise(result), { 'a@b.test': 'deferred 451 4.3.5' }, next);
      assert.equal(result.trouble?.status, '4.3.5', next);
    }
  });

  it('fails at once for a domain that takes no mail, without calling its bin troubled', async () => {
    await using dns = await startDnsStub(table);
    const deliverer = makeSessionDeliverer('mx:null.test', { resolvers: [dns.address] });
    const result = await deliverer.deliver(makeJob(['a@null.test']), makeMessage(CONTENT));
    assert.deepEqual(summarise(result), { 'a@null.test': 'failed 556 5.1.10' });
    assert.equal(result.trouble, undefined);
  });
});

/** Takes connections and never says a word. */
async function listenSilently(address: string, port: number): Promise<AsyncDisposable> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { [Symbol.asyncDispose]: close };
}
