import type { SafeFetch } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { type Answered, plainRefusal, ProviderApi, tokenRefused, tooOften } from './provider-api.ts';
import { scopesIn, type TokenOf, type UserTokens } from '../oauth/index.ts';
import { ToolError } from '../tool/index.ts';

/* The meaning of the Google APIs' answers. */

const Refusal = z.object({
  error: z.object({
    message: z.string().default(''),
    status: z.string().optional(),
    errors: z.array(z.object({ reason: z.string().optional() })).optional(),
    details: z.array(z.object({ reason: z.string().optional() })).optional(),
  }),
});

const LIMITED = [
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
  'dailyLimitExceeded',
  'concurrentLimitExceeded',
];
const NOT_GRANTED = ['insufficientPermissions', 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'];
const SWITCHED_OFF = ['accessNotConfigured', 'SERVICE_DISABLED'];

function googleFault(answer: Answered, title: string): Error | undefined {
  const { status, headers, body } = answer;
  if (status < 400) return undefined;
  const said = Refusal.safeParse(body).data?.error;
  const reasons = [...(said?.errors ?? []), ...(said?.details ?? [])].flatMap(({ reason }) => reason ?? []);
  const is = (these: readonly string[]): boolean => reasons.some((reason) => these.includes(reason));
  if (status === 401) return tokenRefused(401);
  if (status === 429 || (status === 403 && is(LIMITED))) return tooOften(answer, title);
  if (status === 403 && is(NOT_GRANTED)) return tokenRefused(403, scopesIn(scopeIn(headers)));
  if (status === 403 && is(SWITCHED_OFF))
    return new ToolError(`An administrator must enable the API of ${title} in the project of the OAuth client.`);
  return plainRefusal(answer, title, said?.message);
}

function scopeIn(headers: Headers): string | undefined {
  return /\bscope="([^"]{1,2000})"/i.exec(headers.get('www-authenticate') ?? '')?.[1];
}

export function googleApi(parts: { fetch: SafeFetch; tokens: UserTokens; title: string; base: string; of: TokenOf }) {
  return new ProviderApi({ ...parts, judge: googleFault });
}
