import { expect, it } from '@jest/globals';
import {
  authorisationLines,
  chosen,
  confinementLines,
  onlyNew,
  saidLines,
  upstreamCells,
  waitingCells,
} from './verb-tools-quarantine.ts';

const waits = { upstream: 'crm', tool: 'pay', hash: 'ab'.repeat(32), reasons: ['changed'], diff: [] };

it('decides on just the definition that was looked at', () => {
  expect(chosen([waits], ['crm', 'pay', 'abababab'], true)).toBe(waits);
  expect(chosen([waits], ['crm', 'pay'], false)).toBe(waits);
  expect(() => chosen([waits], ['crm', 'pay'], true)).toThrow(/hash/);
  expect(() => chosen([waits], ['crm', 'pay', 'abab'], true)).toThrow(/8 digits/);
  expect(() => chosen([waits], ['crm', 'pay', 'cdcdcdcd'], true)).toThrow(/by now/);
  expect(() => chosen([waits], ['crm', 'refund', 'abababab'], true)).toThrow(/Nothing waits/);
});

it('takes all at once where nothing but its newness was said, of this upstream alone', () => {
  const fresh = { ...waits, tool: 'list', reasons: ['new'] };
  const odd = { ...waits, tool: 'odd', reasons: ['new', 'hidden characters'] };
  expect(onlyNew([waits, fresh, odd, { ...fresh, upstream: 'files' }], 'crm')).toEqual([fresh]);
});

it('shows what waits and how an upstream is doing', () => {
  expect(waitingCells(waits)).toEqual(['crm', 'pay', 'abababababab', 'changed']);
  const row = { name: 'crm', transport: 'http' as const, trust: 'untrusted' as const, tools: 3, quarantined: 1 };
  expect(upstreamCells({ ...row, available: false, reason: 'It could not be reached.' })).toEqual([
    'crm',
    'http',
    'untrusted',
    '3 tools, 1 not usable',
    'not available: It could not be reached.',
  ]);
  expect(upstreamCells({ ...row, available: false, state: 'starting', reason: 'not yet' }).at(-1)).toBe(
    'starting: not yet',
  );
  expect(saidLines({ name: 'crm', said: ['no module named db'] })).toEqual(['crm: wrote: no module named db']);
});

it('says who authorises an upstream, how we are known there and what is to be done, each once', () => {
  const row = {
    name: 'crm',
    transport: 'http' as const,
    trust: 'trusted' as const,
    available: true,
    reason: null,
    tools: 0,
    quarantined: 0,
  };
  const link = 'Each user authorises it: https://here.example/api/mcp/auth?provider=crm';
  const authorisation = {
    by: 'user' as const,
    issuer: 'https://as.example',
    resource: null,
    client: 'registration' as const,
    scopes: ['a'],
    missing: link,
  };
  expect(authorisationLines({ ...row, authorisation })).toEqual([
    'crm: authorised by https://as.example, known as a client that registers itself, scopes a',
    `crm: ${link}`,
  ]);
  const unknown = { ...authorisation, issuer: null, client: null, scopes: [], missing: 'It cannot be used.' };
  const away = { ...row, available: false, reason: 'It cannot be used.' };
  expect(authorisationLines({ ...away, authorisation: unknown })).toEqual(['crm: who authorises it is not known']);
  const waits = {
    ...row,
    available: false,
    reason: `Nobody has authorised it yet. Open ${link.slice(link.indexOf('http'))}`,
  };
  expect(authorisationLines({ ...waits, authorisation })).toHaveLength(1);
  expect(authorisationLines({ ...row, authorisation: null })).toEqual([]);
});

it('says of a process how far it is kept apart, and what is missing', () => {
  const row = {
    name: 'files',
    transport: 'stdio' as const,
    trust: 'trusted' as const,
    available: true,
    reason: null,
  };
  const counts = { tools: 1, quarantined: 0 };
  const lines = (confinement: Parameters<typeof confinementLines>[0]['confinement']) =>
    confinementLines({ ...row, ...counts, ...(confinement === undefined ? {} : { confinement }) });
  expect(lines({ level: 'sandbox', network: false, missing: null })).toEqual([
    'files: runs in a sandbox, without network',
  ]);
  const missing = 'bubblewrap (bwrap) is not installed.';
  expect(lines({ level: 'limits', network: true, missing })).toEqual([
    `files: runs as the service itself, with limits alone, with network: ${missing}`,
  ]);
  expect([...lines(null), ...lines(undefined)]).toEqual([]);
});
