/** Run by broken-index.test.ts: a bin's time of trouble is over, and the index cannot give back what waited for that. */
import { waitFor } from '../../support/wait.ts';
import { HOP, openRig, routed } from './support.ts';

const rig = await openRig();
const { conductor, index } = rig;
conductor.trouble(
  conductor.homes.bins.of(HOP, conductor.homes.tenants.of('default')),
  { code: 451, status: '4.4.1', text: 'no answer' },
  60_000,
);
conductor.take(routed());
// As it is after EIO, or where its file is damaged: every use of it throws.
index.close();
conductor.probe(HOP, 'default');
await waitFor(() => conductor.counts.troubles === 2);
console.log('took it for a worker that is not there');
process.exit(0);
