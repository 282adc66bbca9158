import { AppError } from '@switchyard/contracts';
import * as oauth from 'openid-client';

/*
 * Errors about a provider, in words that callers may read.
 *
 * - The words of a provider never reach a caller. The caller gets an error of ours; its cause holds the words of the
 *   provider, for the log.
 * - An authorisation ends only where the provider refuses the authorisation itself. A fault of ours or of the provider's
 *   server does not end it.
 */

/** The provider said no: the user must authorise again. */
export class Refused extends Error {}

/** The provider does not know our client (any more). */
export class ClientRefused extends AppError {}

/** The error as a caller may read it: Refused or an AppError. `title`: the provider's name for people. */
export function explained(error: unknown, title: string): Error {
  if (error instanceof Refused) return error;
  const ours = appErrorIn(error);
  if (ours) return new AppError(ours.code, `${title} could not be asked: ${ours.message}`, { cause: error });
  if (error instanceof oauth.ResponseBodyError) {
    // These codes are about the authorisation itself, so they end it.
    if (['invalid_grant', 'invalid_target', 'invalid_scope', 'access_denied'].includes(error.error))
      return new Refused(error.error, { cause: error });
    if (['invalid_client', 'unauthorized_client'].includes(error.error))
      return new ClientRefused('upstream_failed', `${title} does not know us as its client.`, { cause: error });
    return new AppError('upstream_failed', `${title} refused the request.`, { cause: error });
  }
  if (error instanceof oauth.AuthorizationResponseError) return new Refused('authorization_response', { cause: error });
  return new AppError('upstream_failed', `${title} gave an answer that cannot be used.`, { cause: error });
}

/** The provider does not know the token that it was to revoke (any more). */
export function isInvalidToken(error: unknown): boolean {
  return error instanceof oauth.ResponseBodyError && error.error === 'invalid_token';
}

function appErrorIn(error: unknown): AppError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof AppError) return at;
  return undefined;
}
