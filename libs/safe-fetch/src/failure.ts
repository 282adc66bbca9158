import { AppError } from '@switchyard/contracts';

/** A connection was refused by the guard; nothing of the request was sent. */
export class Blocked extends Error {}

/**
 * Converts an error of undici, the socket or the guard to a stable code with a public sentence. The cause is for the
 * logs.
 */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const links = chain(error);
  if (links.some((link) => link instanceof Blocked))
    return new AppError('egress_blocked', 'The call was not made: the name leads to an address that is not public.', {
      cause: error,
    });
  const codes = links.map((link) => (link as { code?: unknown }).code).filter((code) => typeof code === 'string');
  if (codes.some((code) => /TIMEOUT|ETIMEDOUT/.test(code)))
    return new AppError('upstream_timeout', undefined, { cause: error });
  if (codes.some((code) => /^UND_ERR_SOCKET$|ECONNRESET|EPIPE/.test(code)))
    return new AppError('upstream_failed', 'The other server closed the connection before it had answered.', {
      cause: error,
    });
  if (codes.some((code) => /^HPE_|UND_ERR_(HEADERS_OVERFLOW|RES_)/.test(code)) || error instanceof RangeError)
    return new AppError('upstream_failed', 'The other server did not answer in valid HTTP.', { cause: error });
  if (codes.some((code) => /CERT|TLS|SSL|UNABLE_TO_VERIFY|SELF_SIGNED/.test(code)))
    return new AppError('upstream_failed', 'The certificate of the other server is not trusted.', { cause: error });
  return new AppError('upstream_failed', 'The other server could not be reached.', { cause: error });
}

/** The error, its causes and, where several addresses were tried, what each of them said. At most 20. */
function chain(error: unknown): object[] {
  const found: object[] = [];
  const open = [error];
  while (open.length > 0 && found.length < 20) {
    const link = open.shift();
    if (typeof link !== 'object' || link === null) continue;
    found.push(link);
    open.push((link as { cause?: unknown }).cause, ...(link instanceof AggregateError ? link.errors : []));
  }
  return found;
}

/** The other server answered, and with a redirect: what was asked of it may have been done. */
export class RedirectRefused extends AppError {
  constructor() {
    super('egress_blocked', 'The other server answered with a redirect, which is not followed.');
  }
}
