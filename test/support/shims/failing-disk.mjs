/**
 * Loaded into every process of a farm with NODE_OPTIONS=--import: makes operations on files fail as the file named by
 * MAILFARM_TEST_DISK says, at any time. It holds a JSON list of rules:
 *
 *     [{ "op": "datasync", "path": "queue/journal/", "code": "EIO" }]
 *
 * An operation fails when its name is that of a rule and its path contains the rule's. Operations on an open file (read, write,
 * writev, datasync, sync, truncate) go by the path under which it was opened. The operation is not done then; but with
 * "done": true it is, and fails all the same, as a sync may whose bytes reached the disk.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = process.env['MAILFARM_TEST_DISK'];
const realRead = fs.readFileSync;
const realNow = performance.now.bind(performance);
const FRESH_MS = 2;
const ON_OPEN = ['read', 'write', 'writev', 'writeFile', 'readFile', 'datasync', 'sync', 'truncate'];
const ON_PATH = ['open', 'link', 'rename', 'unlink', 'mkdir', 'readdir', 'opendir', 'stat', 'lstat', 'access'];

const paths = new WeakMap();
let lastRead = -Infinity;
let rules = [];

function ruleFor(op, ...where) {
  if (file !== undefined && realNow() - lastRead >= FRESH_MS) {
    lastRead = realNow();
    try {
      rules = JSON.parse(realRead(file, 'utf8'));
    } catch {
      // Not written yet.
    }
  }
  return rules.find((rule) => rule.op === op && where.some((path) => String(path).includes(rule.path)));
}

function failure({ code, op }, path) {
  const errno = { EIO: -5, EACCES: -13, EROFS: -30, ENOSPC: -28, EDQUOT: -122, ESTALE: -116, EXDEV: -18 }[code];
  return Object.assign(new Error(`${code}: planted by a test, ${op} '${path}'`), { code, errno, syscall: op, path });
}

/** As `real`, where no rule says otherwise. */
function planted(op, real, pathOf) {
  return async function shim(...args) {
    const path = pathOf(this, args);
    const rule = ruleFor(op, path, ...(typeof args[1] === 'string' ? [args[1]] : []));
    if (rule && !rule.done) throw failure(rule, path);
    const result = await real.apply(this, args);
    if (rule) throw failure(rule, path);
    return result;
  };
}

const { promises } = fs;
const nothing = await promises.open('/dev/null');
const handles = Object.getPrototypeOf(nothing);
await nothing.close();
for (const op of ON_OPEN) handles[op] = planted(op, handles[op], (handle) => paths.get(handle) ?? '');
for (const op of ON_PATH) promises[op] = planted(op, promises[op], (_self, [path]) => path);
const { open } = promises;
promises.open = async (...args) => {
  const handle = await open(...args);
  paths.set(handle, String(args[0]));
  return handle;
};
const { opendirSync, openSync, readSync } = fs;
fs.openSync = (path, ...args) => {
  const rule = ruleFor('open', path);
  if (rule) throw failure(rule, path);
  return openSync(path, ...args);
};
fs.opendirSync = (path, ...args) => {
  const rule = ruleFor('opendir', path);
  if (rule) throw failure(rule, path);
  return opendirSync(path, ...args);
};
fs.readSync = (fd, ...args) => {
  // By the system's own word: who opened it does not matter.
  const path = file === undefined ? '' : fs.readlinkSync(`/proc/self/fd/${fd}`);
  const rule = ruleFor('read', path);
  if (rule) throw failure(rule, path);
  return readSync(fd, ...args);
};
syncBuiltinESMExports();
