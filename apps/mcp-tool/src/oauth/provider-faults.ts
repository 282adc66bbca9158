import { AppError } from '@switchyard/contracts';
import * as oauth from 'openid-client';

/*
 * What went wrong with a provider, as callers may read it.
 *
 * F1 Nothing that a provider says reaches a caller: errors are ours, what was said is their cause, for the log.
 * F2 Only what a provider says of the authorisation itself ends that; whatever is wrong with us or with its server does
 *    not.
 */

/** The provider said no: the user must authorise again. */
export class Refused extends Error {}

/** The provider does not know us (any more). */
export class ClientRefused extends AppError {}

/** F1, F2. `title`: the provider as people know it. */
export function explained(error: unknown, title: string): Error {
  if (error instanceof Refused) return error;
  const ours = appErrorIn(error);
  if (ours) return new AppError(ours.code, `${title} could not be asked: ${ours.message}`, { cause: error });
  if (error instanceof oauth.ResponseBodyError) {
    // F2
    if (['invalid_grant', 'invalid_target', 'invalid_scope', 'access_denied'].includes(error.error))
      return new Refused(error.error, { cause: error });
    if (['invalid_client', 'unauthorized_client'].includes(error.error))
      return new ClientRefused('upstream_failed', `${title} does not know us as its client.`, { cause: error });
    return new AppError('upstream_failed', `${title} refused the request.`, { cause: error });
  }
  if (error instanceof oauth.AuthorizationResponseError) return new Refused('authorization_response', { cause: error });
  return new AppError('upstream_failed', `${title} gave an answer that cannot be used.`, { cause: error });
}

/** A token that was to be revoked is none (any more). */
export function isInvalidToken(error: unknown): boolean {
  return error instanceof oauth.ResponseBodyError && error.error === 'invalid_token';
}

function appErrorIn(error: unknown): AppError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof AppError) return at;
  return undefined;
}
