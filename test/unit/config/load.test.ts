import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { Config } from '../../../src/config/config.ts';
import { formatProblem, loadConfig } from '../../../src/config/load.ts';
import { machineName } from '../../../src/config/paths.ts';
import { makeCertificate } from '../../support/certificates.ts';

const root = mkdtempSync(join(tmpdir(), 'load-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;

/** A new etc/ with these files. */
function makeEtc(files: Record<string, string> = {}): string {
  const etc = join(root, `etc-${(count += 1)}`);
  mkdirSync(etc);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(etc, name), text);
  return etc;
}

async function load(files: Record<string, string>, ...set: string[]): Promise<Config> {
  const result = await loadConfig({ etcDir: makeEtc(files), varDir: join(root, 'var'), set });
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'));
  return result.config;
}

test('embedded defaults work without any file', async () => {
  const config = await load({});
  assert.equal(config.hostname, machineName());
  assert.deepEqual(config.listen, [
    { address: '127.0.0.1:2525', protocol: 'smtp', role: 'submission', tls: 'none', filters: [], lineEnds: 'refuse' },
  ]);
  assert.deepEqual(config.relay.networks, ['127.0.0.0/8', '::1/128']);
  assert.ok(config.domains.local.includes('localhost') && config.domains.local.includes(config.hostname));
  assert.equal(config.limits.commandMs, 300_000);
  assert.equal(config.limits.messageSize, 64 * 1024 * 1024);
  assert.deepEqual(config.retry.times.slice(0, 2), [60_000, 300_000]);
  assert.equal(config.filter.timeoutMs, 30_000);
  assert.equal(config.farms.acceptor.most, Math.max(2, availableParallelism()));
  assert.deepEqual(config.farms.scheduler, {
    socket: 'run/scheduler.sock',
    least: 1,
    most: 1,
    jobs: 0,
    threads: 0,
    memory: 512,
    drain: 30_000,
  });
  assert.ok(Object.values(config.paths).every((path: string) => isAbsolute(path)));
});

test('the result is plain JSON', async () => {
  const config = await load({});
  assert.deepEqual(JSON.parse(JSON.stringify(config)), config);
});

test('without --etc a folder beside the code is used, or none', async () => {
  const result = await loadConfig({ varDir: 'var', set: [] });
  assert.ok(result.ok);
  assert.equal(result.config.paths.var, resolve('var'));
});

test('a folder that was named must be there', async () => {
  for (const etcDir of [join(root, 'nowhere'), import.meta.filename]) {
    const result = await loadConfig({ etcDir, varDir: root, set: [] });
    assert.ok(!result.ok);
    assert.match(result.problems.map(formatProblem).join(), /folder/);
  }
});

test('files lie over the defaults, key by key, and options over the files', async () => {
  const files = {
    'mailfarm.yaml': 'hostname: MX.Example.ORG.\nlimits: { hops: 30, errors: 3 }\nretry: { times: [1s] }\n',
    'farms.yaml': 'router: { most: 5 }\n',
  };
  const config = await load(files, 'limits.errors=4', 'farms.router.least=2', 'limits.errors=5');
  assert.equal(config.hostname, 'mx.example.org');
  assert.deepEqual([config.limits.hops, config.limits.errors, config.limits.recipients], [30, 5, 1000]);
  assert.deepEqual(config.retry.times, [1000]);
  assert.deepEqual([config.farms.router.least, config.farms.router.most, config.farms.router.jobs], [2, 5, 1_000_000]);
});

test('the parts that DESIGN promises', async () => {
  const text = `
hostname: mx.example.org
listen:   [ { address: "127.0.0.1:2525" } ]
relay:    { networks: ["127.0.0.0/8", "::1/128"] }
domains:  { local: [localhost], relay: [] }
routes:
  - { match: "*", via: "smtp:[127.0.0.1]:2526" }
`;
  const config = await load({ 'mailfarm.yaml': text }, 'farms.acceptor.workers=4');
  assert.deepEqual(config.routes, [{ match: '*', via: 'smtp:[127.0.0.1]:2526' }]);
  assert.deepEqual(config.domains.local, ['localhost']);
  assert.deepEqual([config.farms.acceptor.least, config.farms.acceptor.most], [4, 4]);
  assert.ok(!('workers' in config.farms.acceptor));
});

test('a listener is of role mx with the structure filter, unless it says otherwise', async () => {
  const config = await load({}, 'listen=[{address: "127.0.0.1:2600"}, {address: "localhost:0", role: local}]');
  assert.deepEqual(
    config.listen.map(({ address, role, filters }) => [address, role, filters]),
    [
      ['127.0.0.1:2600', 'mx', ['structure']],
      ['127.0.0.1:0', 'local', []],
    ],
  );
});

test('options reach list items', async () => {
  const config = await load({}, 'listen.0.address=127.0.0.1:0', 'listen.1.address="[0::1]:25"', 'listen.1.filters=[]');
  assert.deepEqual(
    config.listen.map(({ address }) => address),
    ['127.0.0.1:0', '[::1]:25'],
  );
});

test('$hostname is the host name, and no domain is there twice', async () => {
  const config = await load({
    'mailfarm.yaml':
      'hostname: a.example\ndomains: { local: [$hostname, A.EXAMPLE, b.example], relay: [münchen.de, .Example.NET] }\n',
  });
  assert.deepEqual(config.domains, { local: ['a.example', 'b.example'], relay: ['xn--mnchen-3ya.de', '.example.net'] });
});

test('the alias file is taken where there is one', async () => {
  assert.equal((await load({})).aliases, undefined);
  assert.equal((await load({ aliases: '' })).aliases, 'aliases');
  assert.equal((await load({ names: '', 'mailfarm.yaml': 'aliases: names' })).aliases, 'names');
});

test('filters get a name and defaults', async () => {
  const config = await load({ 'mailfarm.yaml': 'filters: { strict: { depth: 5, forbiddenNames: ["*.exe"] } }' });
  assert.deepEqual(Object.keys(config.filters), ['structure', 'strict']);
  assert.deepEqual(config.filters['strict'], {
    kind: 'structure',
    depth: 5,
    parts: 10_000,
    headerSize: 262_144,
    headers: 1000,
    forbiddenNames: ['*.exe'],
    action: 'reject',
  });
});

test('TLS, LMTP, sockets and memory', async (t) => {
  const made = makeCertificate(root, 'first');
  const other = makeCertificate(root, 'second');
  if (made === undefined || other === undefined) return t.skip('no openssl');
  const [key, cert, foreign] = [made.key, made.cert, other.key].map((file) => readFileSync(file, 'utf8'));
  const files = {
    'k.pem': key ?? '',
    'c.pem': cert ?? '',
    'mailfarm.yaml': `
listen: [{ address: unix:run/in.sock, protocol: lmtp, tls: starttls, key: k.pem, cert: c.pem, name: in }]
mailboxes: [Anna, bob@Example.ORG]
ipc: { cert: c.pem, key: k.pem, ca: c.pem }
`,
    'farms.yaml': 'smtp: { socket: "tls://192.0.2.1:4000", memory: 256MiB }',
  };
  const config = await load(files);
  assert.deepEqual([config.listen[0]?.key, config.listen[0]?.name], ['k.pem', 'in']);
  assert.deepEqual(config.mailboxes, ['anna', 'bob@example.org']);
  assert.deepEqual([config.farms.smtp.socket, config.farms.smtp.memory], ['tls://192.0.2.1:4000', 256]);
  await assert.rejects(
    load({ ...files, 'k.pem': foreign ?? '' }),
    /listen\.0\.key: expected the key of the certificate/,
  );
});

test('every mistake of every file and option is reported, in order', async () => {
  const etcDir = makeEtc({
    'mailfarm.yaml': 'limits:\n  hops: 1\n  errors: x\nzebra: 1\n',
    'farms.yaml': 'log: { jobs: x }\n',
  });
  const result = await loadConfig({ etcDir, varDir: root, set: ['smtp.port=0', 'nonsense'] });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ file, line, option, key }) => [file?.slice(etcDir.length + 1), line, option, key]),
    [
      [undefined, undefined, 'nonsense', ''],
      ['mailfarm.yaml', 2, undefined, 'limits.hops'],
      ['mailfarm.yaml', 3, undefined, 'limits.errors'],
      ['mailfarm.yaml', 4, undefined, 'zebra'],
      ['farms.yaml', 1, undefined, 'farms.log.jobs'],
      [undefined, undefined, 'smtp.port', 'smtp.port'],
    ],
  );
});

test('an option that mends a mistake of the file mends it', async () => {
  const config = await load({ 'mailfarm.yaml': 'limits: { hops: 1 }' }, 'limits.hops=10');
  assert.equal(config.limits.hops, 10);
});

test('a file that cannot be read is a problem, not a crash', async () => {
  const etcDir = makeEtc();
  mkdirSync(join(etcDir, 'mailfarm.yaml'));
  writeFileSync(join(etcDir, 'farms.yaml'), '#'.repeat(2 * 1024 * 1024));
  const result = await loadConfig({ etcDir, varDir: root, set: [] });
  assert.ok(!result.ok);
  assert.match(
    result.problems.map(formatProblem).join('\n'),
    /mailfarm\.yaml: cannot be read: .*\n.*farms\.yaml: is larger/,
  );
});

test('property: no text in the files throws', async () => {
  const etcDir = makeEtc();
  const yaml = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'a:- \n{}[]&*!|>"\'#%@,?1\t'.split('')), maxLength: 60 }),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc
      .tuple(fc.constantFrom('listen', 'limits', 'routes', 'filters', 'mailboxes', 'hostname'), fc.json())
      .map((pair) => pair.join(': ')),
  );
  await fc.assert(
    fc.asyncProperty(yaml, yaml, async (main, farms) => {
      writeFileSync(join(etcDir, 'mailfarm.yaml'), main);
      writeFileSync(join(etcDir, 'farms.yaml'), farms);
      const result = await loadConfig({ etcDir, varDir: root, set: [] });
      if (!result.ok) assert.ok(result.problems.every((problem) => formatProblem(problem).length > 10));
    }),
    { numRuns: 300 },
  );
});
