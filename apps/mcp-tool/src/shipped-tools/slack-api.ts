import { AppError } from '@switchyard/contracts';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { type Answered, ApiRefusal, plainRefusal, ProviderApi, tokenRefused, tooOften } from './provider-api.ts';
import type { TokenOf, UserTokens } from '../oauth/index.ts';

/* The meaning of the Slack Web API's answers: it answers 200 with `ok: false` where others refuse. */

const Said = z.object({ ok: z.boolean(), error: z.string().optional(), needed: z.string().optional() });

const TOKEN = ['invalid_auth', 'not_authed', 'token_expired', 'token_revoked', 'account_inactive'];
/** Errors after which Slack itself does not know whether it did anything. */
const UNKNOWN = ['fatal_error', 'internal_error', 'request_timeout', 'service_unavailable', 'team_added_to_org'];
const WORDS: Readonly<Record<string, string>> = {
  channel_not_found: 'there is no such channel for this user; take an id from slack__list_channels',
  not_in_channel: 'this user is not a member of that channel',
  is_archived: 'the channel is archived',
  msg_too_long: 'the message is too long',
  no_text: 'the message is empty',
  restricted_action: 'the workspace does not let this user do that',
  missing_post_type: 'this user may not post there',
  thread_not_found: 'there is no such thread in that channel',
  invalid_cursor: 'the cursor is not one that the list gave',
};

function slackFault(answer: Answered, title: string): Error | undefined {
  if (answer.status === 429) return tooOften(answer, title);
  const refused = plainRefusal(answer, title, undefined);
  if (refused) return refused;
  const said = Said.safeParse(answer.body);
  if (!said.success) return new AppError('upstream_failed', `${title} gave an answer that cannot be used.`);
  const { ok, error = 'unknown_error', needed } = said.data;
  if (ok) return undefined;
  if (TOKEN.includes(error)) return tokenRefused(401);
  if (error === 'missing_scope') return tokenRefused(403, (needed ?? '').split(',').filter(Boolean));
  if (error === 'ratelimited') return tooOften(answer, title);
  if (UNKNOWN.includes(error)) return new AppError('upstream_failed', `${title} could not finish: ${error}.`);
  return new ApiRefusal(`${title} refused: ${WORDS[error] ?? error.slice(0, 100)}.`, 400);
}

export function slackApi(parts: { fetch: SafeFetch; tokens: UserTokens; title: string; base: string; of: TokenOf }) {
  return new ProviderApi({ ...parts, judge: slackFault });
}
