import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadSettings } from '../../../../src/cli/common/settings.ts';
import { makeTemp, removeTemp } from '../../../support/temp.ts';

describe('the configuration of a command', () => {
  const dir = makeTemp('settings');
  after(() => removeTemp(dir));
  const load = (yaml: string): ReturnType<typeof loadSettings> => {
    writeFileSync(join(dir, 'mailfarm.yaml'), yaml);
    return loadSettings({ etc: dir, var: dir }, 'outside');
  };

  it('names keys and aliases that its user may not read: they are the business of the farm', async () => {
    mkdirSync(join(dir, 'aliases'));
    const listener = '{ address: "0.0.0.0:25", tls: starttls, key: absent.pem, cert: absent.pem }';
    const settings = await load(`hostname: mx.example.org\nlisten: [${listener}]\n`);
    assert.deepEqual(settings.ok ? settings.config.hostname : settings.why, 'mx.example.org');
  });

  it('is refused, each mistake with its place, when it is wrong', async () => {
    const settings = await load('hostname: mx.example.org\nnonsense: 1\n');
    assert.match(settings.ok ? '' : settings.why, /mailfarm\.yaml:2: nonsense: unknown key/);
  });
});
