import { expect, it } from '@jest/globals';
import { chosen, upstreamLine, waitingLine } from './verb-tools-quarantine.ts';

const waits = { upstream: 'crm', tool: 'pay', hash: 'ab'.repeat(32), reasons: ['changed'], diff: [] };

it('decides on just the definition that was looked at', () => {
  expect(chosen([waits], ['crm', 'pay', 'abababab'], true)).toBe(waits);
  expect(chosen([waits], ['crm', 'pay'], false)).toBe(waits);
  expect(() => chosen([waits], ['crm', 'pay'], true)).toThrow(/hash/);
  expect(() => chosen([waits], ['crm', 'pay', 'abab'], true)).toThrow(/8 digits/);
  expect(() => chosen([waits], ['crm', 'pay', 'cdcdcdcd'], true)).toThrow(/by now/);
  expect(() => chosen([waits], ['crm', 'refund', 'abababab'], true)).toThrow(/Nothing waits/);
});

it('shows what waits and how an upstream is doing on one line', () => {
  expect(waitingLine(waits)).toBe('crm pay  abababababab  changed');
  const row = { name: 'crm', transport: 'http', trust: 'untrusted', tools: 3, quarantined: 1 };
  expect(upstreamLine({ ...row, available: false, reason: 'It could not be reached.' })).toBe(
    'crm  http  untrusted  3 tools, 1 not usable  not available: It could not be reached.',
  );
});
