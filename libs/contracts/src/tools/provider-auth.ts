import { z } from 'zod';
import { request } from '../base/define.ts';
import { Id } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';
import { ToolInfo } from './tools.ts';

/*
 * What a user authorises at providers, so that tools act there on the user's behalf. mcp-tool keeps the credentials and
 * speaks with the providers; the gateway sends the browser where it is told to. No token is in any of these messages.
 */

export const ProviderId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected 1 to 40 small letters, digits, "_" or "-"');

/**
 * `expired`: the provider does not renew the authorisation; `not_connected`: there is none; `not_configured`: it ships with
 * Switchyard, and an administrator has given no credentials for it.
 */
export const ProviderStatusName = z.enum(['connected', 'expired', 'not_connected', 'not_configured']);

export const ProviderView = z.object({
  provider: ProviderId,
  title: z.string().max(100),
  status: ProviderStatusName,
  authorized: z.boolean(),
  /** The granted scopes; without a grant, those that will be requested. */
  scopes: z.array(z.string()),
  /** Further scopes that tools need; connecting again requests them. */
  missing_scopes: z.array(z.string()).default([]),
  /** What an administrator must do; null: nothing. */
  reason: z.string().max(500).nullable().default(null),
  /** The issuer of the tokens; null: not known yet. */
  issuer: z.string().nullable().default(null),
  /** When the access token ends, ms since 1970; it is renewed before where the provider allows it. */
  expires_at: z.number().int().nullable(),
  connected_at: z.number().int().nullable(),
});
export type ProviderView = z.infer<typeof ProviderView>;

const shared = { answeredBy: 'mcp-tool', askedBy: ['gateway', 'operator'] } as const;
const OfProvider = z.object({ principal: Principal, provider: ProviderId });
/** SHA-256, hexadecimal. */
const Digest = z.string().regex(/^[0-9a-f]{64}$/);

/** The path on this site to which the browser returns. */
export const ReturnPath = z
  .string()
  .max(500)
  .regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/, 'expected a path on this server');

export const listProviders = request({
  ...shared,
  subject: 'rpc.auth.providers',
  summary: 'List the providers that a user may authorise, and whether this one has.',
  input: z.object({ principal: Principal }),
  output: z.object({ providers: z.array(ProviderView) }),
  timeoutMs: 5_000,
});

export const startAuthorisation = request({
  ...shared,
  subject: 'rpc.auth.start',
  summary: 'Begin an authorisation: where to send the browser. Valid for ten minutes, once, for one browser.',
  input: OfProvider.extend({
    session: Digest.describe('Digest of what the browser keeps; the callback must bring the same'),
    returnTo: ReturnPath.optional(),
  }),
  output: z.object({
    authorizationUrl: z.string(),
    /** Names this attempt; the first part of the state. */
    attempt: Id,
    expiresAt: z.number().int(),
  }),
  timeoutMs: 20_000,
});

export const finishAuthorisation = request({
  ...shared,
  subject: 'rpc.auth.callback',
  summary: 'What the provider sent the browser back with. The code is exchanged by whoever answers.',
  input: z.object({
    session: Digest.nullable(),
    /** Of the query; each at most once. */
    params: z.object({
      state: z.string().max(512).optional(),
      code: z.string().max(4_096).optional(),
      iss: z.string().max(1_024).optional(),
      error: z.string().max(200).optional(),
    }),
  }),
  output: z.object({ provider: ProviderId, title: z.string(), returnTo: z.string().nullable() }),
  timeoutMs: 30_000,
});

export const clientDocument = request({
  ...shared,
  subject: 'rpc.auth.client',
  summary: 'What authorization servers read about us at the address that is our client id there; null: there is none.',
  input: z.strictObject({}),
  output: z.object({ document: z.record(z.string(), z.unknown()).nullable() }),
  timeoutMs: 5_000,
});

export const refreshAuthorisation = request({
  ...shared,
  subject: 'rpc.auth.refresh',
  summary: 'Renew the authorisation of a provider now.',
  input: OfProvider,
  output: ProviderView,
  timeoutMs: 30_000,
});

export const LiveStatus = ProviderView.extend({
  /** The provider's own answer just now. */
  live: z.enum(['active', 'inactive', 'unknown']),
  /** The method of that check. */
  checked_by: z.enum(['introspection', 'userinfo', 'refresh', 'nothing']),
});
export type LiveStatus = z.infer<typeof LiveStatus>;

export const liveStatus = request({
  ...shared,
  subject: 'rpc.auth.status',
  summary: 'Ask the provider whether the authorisation still holds.',
  input: OfProvider,
  output: LiveStatus,
  timeoutMs: 30_000,
});

export const Revocation = z.object({
  provider: ProviderId,
  revoked: z.boolean().describe('False: there was nothing to revoke'),
  /** Whether the provider accepted the revocation; here the credential is deleted in any case. */
  at_provider: z.enum(['revoked', 'not_supported', 'failed', 'nothing']),
});
export type Revocation = z.infer<typeof Revocation>;

export const revokeAuthorisation = request({
  ...shared,
  subject: 'rpc.auth.revoke',
  summary: 'Revoke the authorisation of a provider: gone here at once, and then at the provider.',
  input: OfProvider,
  output: Revocation,
  timeoutMs: 30_000,
});

/* The messages of HTTP clients. */
/** A Client ID Metadata Document. */
export const ClientDocument = z.looseObject({ client_id: z.url(), redirect_uris: z.array(z.url()) });
export const AuthStartQuery = z.strictObject({
  return_to: ReturnPath.optional().describe('Path on this server to go to afterwards'),
  client: z.string().max(200).optional().describe('Who asks, as the page tells the person'),
});
export const AuthStartBody = z.strictObject({ return_to: ReturnPath.optional() });
export const AuthStarted = z.object({ authorization_url: z.string(), expires_at: z.number().int() });
export const AuthConnected = z.object({ provider: ProviderId, status: z.literal('connected') });
export const AuthCallbackQuery = z.object({
  state: z.string().optional(),
  code: z.string().optional(),
  iss: z.string().optional(),
  error: z.string().optional(),
});
export const ProviderParams = z.object({ provider: ProviderId });
export const ProviderList = z.object({ providers: z.array(ProviderView) });
export const ToolsAvailableQuery = z.object({ provider: z.string().max(64).optional() });
export const ToolsSearchQuery = z.object({
  q: z.string().min(1).max(1_000).describe('What the tool is to do'),
  top_k: z.coerce.number().int().min(1).max(50).default(10),
});
export const AvailableTools = z.object({ tools: z.array(ToolInfo), total: z.number().int() });
export type AvailableTools = z.infer<typeof AvailableTools>;
