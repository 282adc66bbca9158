import { ProviderId, safeParse } from '@switchyard/contracts';
import { z } from 'zod';
import { type FileMistake, MAX_MISTAKES, readYaml } from '../common/yaml-file.ts';

/*
 * The operator's file of providers that users may authorise. Pure.
 *
 * The parser tells every mistake with its line. A message holds no value of the file or of the environment.
 */

const HttpUrl = z.url({ protocol: /^https?$/ });
/** Parameters that the login itself sets. */
const RESERVED = ['client_id', 'redirect_uri', 'response_type', 'response_mode', 'state', 'scope', 'resource'].concat([
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
]);

const Endpoints = z.strictObject({
  authorization: HttpUrl,
  token: HttpUrl,
  revocation: HttpUrl.optional(),
  introspection: HttpUrl.optional(),
  userinfo: HttpUrl.optional(),
  /** Without metadata only the operator can tell that the provider checks PKCE. */
  pkce: z.literal('S256', 'say pkce: S256 where the provider checks PKCE; without it no login is safe'),
});

const Provider = z.strictObject({
  title: z.string().min(1).max(100).optional(),
  issuer: HttpUrl,
  endpoints: Endpoints.optional(),
  client_id: z.string().min(1).max(500),
  client_secret_env: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'expected the name of an environment variable')
    .optional(),
  client_auth: z.enum(['basic', 'post', 'none']).optional(),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'expected a scope'))
    .max(100)
    .default([]),
  resource: HttpUrl.optional(),
  authorization_params: z
    .record(z.string(), z.string().max(500))
    .default({})
    .refine((params) => !Object.keys(params).some((name) => RESERVED.includes(name)), {
      error: `not to be set here: ${RESERVED.join(', ')}`,
    }),
});

const File = z.strictObject({ providers: z.record(ProviderId, Provider).default({}) });
const MAX_PROVIDERS = 100;

export interface ProviderConfig {
  readonly id: string;
  readonly title: string;
  readonly issuer: string;
  readonly endpoints: z.output<typeof Endpoints> | undefined;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly clientAuth: 'basic' | 'post' | 'none';
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly authorizationParams: Readonly<Record<string, string>>;
  /** The token endpoint answers in this provider's own words instead of OAuth's. */
  readonly dialect?: 'slack';
}

export type ParsedProviders =
  { readonly providers: readonly ProviderConfig[] } | { readonly mistakes: readonly FileMistake[] };

/** The variables of the environment that hold the secrets of a file's providers; none where the file is wrong. */
export function namedSecrets(text: string): string[] {
  const file = readYaml(text);
  const parsed = 'mistakes' in file ? undefined : safeParse(File, file.value ?? {});
  const providers = Object.values(parsed?.data?.providers ?? {});
  return providers.map((provider) => provider.client_secret_env).filter((name) => name !== undefined);
}

/** `read`: a variable of the environment. */
export function parseProviders(text: string, read: (name: string) => string | undefined): ParsedProviders {
  const file = readYaml(text);
  if ('mistakes' in file) return file;
  const { mistake } = file;
  const parsed = safeParse(File, file.value ?? {});
  if (!parsed.success) return { mistakes: file.mistakesIn(parsed.error).slice(0, MAX_MISTAKES) };
  const found = Object.entries(parsed.data.providers);
  if (found.length > MAX_PROVIDERS) return { mistakes: [mistake(['providers'], `at most ${MAX_PROVIDERS} providers`)] };
  const unset = found.flatMap(([id, { client_secret_env: name, client_auth: auth }]) => {
    const path = ['providers', id];
    if (name !== undefined && !read(name)) return [mistake([...path, 'client_secret_env'], `${name} is not set`)];
    if (name === undefined && auth !== undefined && auth !== 'none')
      return [mistake([...path, 'client_auth'], `${auth} needs client_secret_env`)];
    return [];
  });
  if (unset.length > 0) return { mistakes: unset.slice(0, MAX_MISTAKES) };
  return {
    providers: found.map(([id, provider]) => {
      const secret = provider.client_secret_env === undefined ? undefined : read(provider.client_secret_env);
      return {
        id,
        title: provider.title ?? id,
        issuer: provider.issuer,
        endpoints: provider.endpoints,
        clientId: provider.client_id,
        clientSecret: secret,
        clientAuth: provider.client_auth ?? (secret === undefined ? 'none' : 'basic'),
        scopes: provider.scopes,
        resource: provider.resource,
        authorizationParams: provider.authorization_params,
      };
    }),
  };
}
