import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { toAppError, troubleOf } from './errors.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('troubleOf', () => {
  it.each(['40001', '40P01'])('lets a statement that the server undid (%s) be sent again', (code) => {
    expect(troubleOf(coded(code))).toBe('again');
  });

  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    '08006',
    '57P01',
    '57P03',
    '53300',
    '57014',
    '28P01',
    '3D000',
    '25006',
    'P1001',
  ])('takes %s as a database that is away', (code) => {
    expect(troubleOf(coded(code))).toBe('unavailable');
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'Cannot use a pool after calling end on the pool',
  ])('takes what the driver says without a code (%s) as a database that is away', (message) => {
    expect(troubleOf(new Error(message))).toBe('unavailable');
  });

  it.each(['23505', '42501', '42P01', '42883', 'XX000', 'P2002'])('takes %s as a broken promise of ours', (code) => {
    expect(troubleOf(coded(code, 'connection'))).toBe('broken');
  });

  it("reads PostgreSQL's code out of what Prisma throws", () => {
    const adapter = { name: 'DriverAdapterError', cause: { kind: 'postgres', originalCode: '40P01' } };
    const known = Object.assign(new Error('x'), { code: 'P2010', meta: { driverAdapterError: adapter } });
    expect(troubleOf(known)).toBe('again');
    expect(troubleOf({ ...adapter, cause: { kind: 'DatabaseNotReachable', host: 'h' } })).toBe('unavailable');
  });
});

it('shows callers a code and keeps the cause for the logs', () => {
  const cause = coded('ECONNREFUSED', 'connect to secret-host');
  const error = toAppError(cause) as AppError;
  expect(error).toMatchObject({ code: 'unavailable', cause });
  expect(error.message).not.toContain('secret');
  expect(toAppError(error)).toBe(error);
  expect(toAppError(coded('22021'))).toMatchObject({ code: 'invalid_input' });
  expect(toAppError('odd')).toMatchObject({ code: 'internal', cause: 'odd' });
});
