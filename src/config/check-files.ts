/** Checks that the files which the configuration names are there and can be read. */
import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode, errorText } from '../base/text.ts';
import type { Path } from './merge.ts';
import type { Finding, Settings } from './schema.ts';

/** `etc` is where relative paths begin. */
export async function checkFiles(settings: Partial<Settings>, etc: string): Promise<Finding[]> {
  const { aliases, listen = [], ipc } = settings;
  const named: (readonly [Path, string | undefined])[] = [
    [['aliases'], aliases],
    ...listen.flatMap((listener, i): (readonly [Path, string | undefined])[] => [
      [['listen', i, 'key'], listener.key],
      [['listen', i, 'cert'], listener.cert],
    ]),
    ...(['cert', 'key', 'ca'] as const).map((key): readonly [Path, string | undefined] => [['ipc', key], ipc?.[key]]),
  ];
  const findings = await Promise.all(
    named.map(async ([path, file]): Promise<Finding[]> => {
      const why = file === undefined ? undefined : await whyNotReadable(resolve(etc, file));
      return why === undefined
        ? []
        : [{ paths: [path], message: `expected a file that can be read, got ${file}: ${why}` }];
    }),
  );
  return findings.flat();
}

/** Undefined when the path is a folder. */
export async function whyNotFolder(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? undefined : 'is not a folder';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'there is no such folder' : errorText(error);
  }
}

/** Undefined when the path is a file that can be read. */
async function whyNotReadable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).isFile() ? undefined : 'is not a file';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'there is no such file' : errorText(error);
  }
}
