import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { reportRecipients, reportRefusal } from '../../../../src/cli/sendmail/report.ts';

test('a refusal of the message ends with a status that says what to do', () => {
  assert.equal(reportRefusal(452, '452 4.3.1 no space').status, EX.TEMPFAIL);
  assert.equal(reportRefusal(421, '421 4.3.2 busy').status, EX.TEMPFAIL);
  assert.equal(reportRefusal(552, '552 5.3.4 too big').status, EX.DATAERR);
  assert.equal(reportRefusal(554, '554 5.7.1 forbidden attachment').status, EX.NOPERM);
  assert.equal(reportRefusal(554, '554 no enhanced code').status, EX.DATAERR);
});

test('refused recipients are told one a line', () => {
  const user = { address: 'a@b.example', code: 550, text: '550 5.1.1 no such user' };
  const policy = { address: 'c@d.example', code: 550, text: '550 5.4.1 not here' };
  const later = { address: 'e@f.example', code: 450, text: '450 4.2.0 later' };
  assert.deepEqual(reportRecipients([user]), { lines: ['a@b.example: 550 5.1.1 no such user'], status: EX.NOUSER });
  assert.equal(reportRecipients([user, policy]).status, EX.UNAVAILABLE);
  assert.equal(reportRecipients([user, later]).status, EX.TEMPFAIL);
});

test('what the farm or an address says cannot steer a terminal', () => {
  const { lines } = reportRecipients([{ address: 'a\u001b[2J@b', code: 550, text: '550 \u001b]0;x\u0007' }]);
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  assert.ok(!/[\u0000-\u001f]/.test(lines.join('')));
});
