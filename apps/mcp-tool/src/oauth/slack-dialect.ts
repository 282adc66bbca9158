/*
 * Translates the answers of Slack's token endpoint into those of OAuth. Pure.
 *
 * - Slack answers an error with 200 and `ok: false` where OAuth answers 400, and has error codes of its own.
 * - Only the token of the user is taken, never that of a bot. Slack separates its scopes by commas.
 */

interface Said {
  readonly ok?: unknown;
  readonly error?: unknown;
  readonly authed_user?: unknown;
}

const INVALID_GRANT = new Set([
  'invalid_code',
  'code_already_used',
  'code_expired',
  'invalid_grant',
  'invalid_code_verifier',
  'bad_pkce',
  'invalid_refresh_token',
  'token_expired',
  'account_inactive',
  'bad_redirect_uri',
]);
const INVALID_CLIENT = new Set(['bad_client_secret', 'invalid_client_id', 'invalid_client', 'client_id_mismatch']);
/** Errors of a revocation whose token is gone already. */
const INVALID_TOKEN = new Set(['token_revoked', 'invalid_auth', 'not_authed']);

export async function fromSlack(answer: Response): Promise<Response> {
  if (answer.status !== 200) return answer;
  const said = (await answer.json().catch(() => undefined)) as unknown;
  const { status, body } = inOAuth(said);
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

export function inOAuth(said: unknown): { status: number; body: Record<string, unknown> } {
  if (typeof said !== 'object' || said === null) return refused('server_error');
  const { ok, error, authed_user: user } = said as Said;
  if (ok !== true) return refused(errorOf(typeof error === 'string' ? error : ''));
  const given = (typeof user === 'object' && user !== null && 'access_token' in user ? user : said) as Record<
    string,
    unknown
  >;
  if (typeof given['access_token'] !== 'string') return { status: 200, body: { ok: true } };
  if (given['token_type'] !== 'user') return refused('invalid_scope'); // The token of a bot.
  const { access_token, refresh_token, expires_in, scope } = given;
  return {
    status: 200,
    body: {
      access_token,
      token_type: 'bearer',
      ...(refresh_token === undefined ? {} : { refresh_token }),
      ...(expires_in === undefined ? {} : { expires_in }),
      ...(typeof scope === 'string' ? { scope: scope.replaceAll(',', ' ') } : {}),
    },
  };
}

function refused(error: string): { status: number; body: Record<string, unknown> } {
  return { status: 400, body: { error } };
}

function errorOf(error: string): string {
  if (INVALID_GRANT.has(error)) return 'invalid_grant';
  if (INVALID_CLIENT.has(error)) return 'invalid_client';
  return INVALID_TOKEN.has(error) ? 'invalid_token' : 'invalid_request';
}
