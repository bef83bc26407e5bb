import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { Spool } from '../../../../src/cli/sendmail/spool.ts';

async function content(spool: Spool): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of spool.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test('gives back what was written, as often as wanted, from memory and from a file', async () => {
  for (const inMemory of [1000, 0, 7]) {
    const spool = new Spool(inMemory);
    for (const part of ['one ', 'two ', '', 'three']) await spool.write(Buffer.from(part));
    assert.equal(spool.size, 13);
    assert.equal(await content(spool), 'one two three');
    assert.equal(await content(spool), 'one two three');
    await spool.close();
  }
});

test('large content does not stay in memory, and its file has no name', async () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('mailfarm-')).length;
  const spool = new Spool(1024);
  const chunk = Buffer.alloc(100_000, 'x');
  for (let i = 0; i < 20; i += 1) await spool.write(chunk);
  const after = readdirSync(tmpdir()).filter((name) => name.startsWith('mailfarm-')).length;
  assert.ok(after <= before || (await content(spool)).length === 2_000_000);
  assert.equal((await content(spool)).length, 2_000_000);
  await spool.close();
});

test('knows whether bytes above 127 are in it', async () => {
  const spool = new Spool();
  await spool.write(Buffer.from('plain'));
  assert.equal(spool.eightBit, false);
  await spool.write(Buffer.from([0xe4]));
  assert.equal(spool.eightBit, true);
  await spool.close();
});
