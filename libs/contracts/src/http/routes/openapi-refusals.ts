import { ERROR_CODES, type ErrorCode } from '../../base/errors.ts';
import type { HttpRoute } from './route.ts';

/*
 * What a route may refuse, by status. A route names what is its own; what follows from its kind is known here. Pure.
 */

const PROBLEM = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** One entry per status; a status that several codes share lists them. */
export function refusals(route: HttpRoute): Record<string, unknown> {
  const byStatus = new Map<number, Set<string>>();
  const add = (status: number, said: string) =>
    void byStatus.set(status, (byStatus.get(status) ?? new Set()).add(said));
  for (const code of codesOf(route)) add(ERROR_CODES[code].http, `${code}: ${ERROR_CODES[code].summary}`);
  add(431, 'invalid_input: The address of the request and its headers are larger than 16 KiB together.');
  return Object.fromEntries(
    [...byStatus].map(([status, said]) => [String(status), { description: [...said].join(' '), content: PROBLEM }]),
  );
}

function codesOf(route: HttpRoute): ErrorCode[] {
  const { auth, body, query, errors } = route;
  return [
    ...errors,
    ...when(body !== undefined || query !== undefined, ['invalid_input']),
    ...when(body !== undefined, ['payload_too_large', 'unsupported_media_type']),
    ...when(auth !== 'none', ['unauthenticated', 'rate_limited', 'unavailable', 'internal']),
    // Of the name that the request was sent to, or the page that sent it; of an auditor that would change something.
    'forbidden',
    // A route that asks another service also fails if that service is absent.
    ...when(errors.includes('unavailable'), ['no_responders', 'worker_lost', 'overloaded', 'deadline_exceeded']),
  ];
}

function when(applies: boolean, codes: readonly ErrorCode[]): readonly ErrorCode[] {
  return applies ? codes : [];
}
