/** Run by full-disk.test.ts under a limit of file sizes: delivers a large message into the folder given, prints the verdict. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MaildirDeliverer } from '../../../../../src/transport/channels/maildir/deliverer.ts';
import { DirectorySyncs } from '../../../../../src/transport/channels/maildir/directories.ts';
import { makeJob, makeMessage } from '../../support.ts';

const root = process.argv[2] ?? '';
const deliverer = new MaildirDeliverer({ root, hostname: 'h.test', syncs: new DirectorySyncs() });
const message = makeMessage(`Subject: x\r\n\r\n${'line\r\n'.repeat(50_000)}`);
const large = await deliverer.deliver(makeJob(['a@b.test'], { next: 'b.test/a' }), message);
const small = await deliverer.deliver(makeJob(['a@b.test'], { next: 'b.test/a' }), makeMessage('Subject: x\r\n\r\n'));
const left = readdirSync(join(root, 'b.test/a/tmp')).length;
console.log(JSON.stringify({ large, small, left }));
