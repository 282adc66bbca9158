import { performStep, ProviderId, Role, safeParse } from '@switchyard/contracts';
import { z } from 'zod';
import { DEFAULT_SANDBOX, SandboxConfig } from './sandbox-config.ts';
import { type FileMistake, MAX_MISTAKES, readYaml } from '../../common/yaml-file.ts';

/*
 * Parses the operator's file of MCP upstreams. Pure.
 *
 * - The file takes effect as a whole or not at all. Every mistake is reported with its line.
 * - Only the operator decides which command runs: a command occurs in this file and nowhere else. Its arguments are
 *   passed one by one, never through a shell.
 * - The file names variables of the environment and holds no secret: `${NAME}` in a header, a name under `env`.
 * - An upstream's own annotations of its tools can only raise their kind (policy.ts). If the operator says nothing
 *   about a tool, its kind is `write` and it is never repeated.
 * - A secret of ours goes only to the authorization server that the operator names, never to one that an upstream
 *   names.
 */

/** The longest total time of a call: the step that waits for it takes no longer. */
const MAX_CALL_MS = performStep.mcp.timeoutMs - 5_000;
const MAX_UPSTREAMS = 100;
/** It begins names of tools and schemes of resource URIs. */
const UpstreamName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected 1 to 32 small letters, digits and "-", beginning with a letter');
const VariableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected the name of a variable');

const ToolRules = z.strictObject({
  kind: z
    .enum(['read', 'write', 'destructive'])
    .optional()
    .describe('Default: write, and destructive where the tool says so itself'),
  idempotency: z.enum(['safe', 'key', 'none']).default('none'),
  requires_approval: z.boolean().optional().describe('Default: yes for destructive tools'),
  required_role: Role.optional(),
  timeout_ms: z.number().int().min(100).max(MAX_CALL_MS).optional(),
  hidden: z.boolean().default(false),
});
/** The operator's rules for a tool. */
export type ToolRules = z.output<typeof ToolRules>;

/** For an upstream that names its own token issuer; every field is optional. */
const Oauth = z.strictObject({
  title: z.string().min(1).max(100).optional(),
  issuer: z
    .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
    .max(500)
    .optional(),
  client_id: z.string().min(1).max(500).optional(),
  client_secret_env: VariableName.optional(),
  client_auth: z.enum(['basic', 'post', 'none']).optional(),
  private_key_env: VariableName.optional().describe('A key in PKCS #8 PEM: private_key_jwt'),
  signing_alg: z.enum(['ES256', 'ES384', 'RS256', 'PS256', 'Ed25519']).default('ES256'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'expected a scope'))
    .max(100)
    .optional()
    .describe('In place of those that the upstream asks for'),
});

const Upstream = z
  .strictObject({
    url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).optional(),
    headers: z
      .record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'not a name of a header'), z.string().max(4_096))
      .default({}),
    auth: z
      .enum(['none', 'user', 'oauth', 'service'])
      .default('none')
      .describe('user, oauth: the token of each user, for a provider that AUTH_PROVIDERS_FILE or the upstream names'),
    oauth: Oauth.optional(),
    command: z.string().min(1).max(4_096).optional(),
    args: z.array(z.string().max(32_768)).max(256).default([]),
    env: z.array(VariableName).max(100).default([]),
    cwd: z.string().startsWith('/', 'expected an absolute path').optional(),
    memory_mb: z.number().int().min(64).max(65_536).default(1_024),
    cpu_s: z.number().int().min(1).max(1_000_000).default(3_600),
    open_files: z.number().int().min(32).max(65_536).default(1_024),
    processes: z.number().int().min(1).max(65_536).default(128).describe('With its threads'),
    file_mb: z.number().int().min(1).max(1_048_576).default(256).describe('Of one file that it writes'),
    sandbox: SandboxConfig.optional(),
    provider: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional(),
    trust: z.enum(['trusted', 'untrusted']).default('untrusted'),
    approve: z.enum(['manual', 'first_use']).optional().describe('Default: first_use for trusted, else manual'),
    prefix: z.boolean().default(true),
    required_role: Role.optional(),
    protocol: z.enum(['auto', 'legacy', 'modern']).default('auto'),
    questions: z.boolean().default(true).describe('It may ask callers in the middle of a call'),
    connect_timeout_ms: z.number().int().min(100).max(60_000).default(15_000),
    timeout_ms: z.number().int().min(100).max(MAX_CALL_MS).default(30_000).describe('Longest silence of a call'),
    max_timeout_ms: z.number().int().min(100).max(MAX_CALL_MS).default(MAX_CALL_MS).describe('With progress'),
    refresh_ms: z.number().int().min(200).max(3_600_000).default(30_000),
    idle_ms: z.number().int().min(1_000).max(86_400_000).optional().describe('Default: 1 min, stdio 15 min'),
    max_result_bytes: z
      .number()
      .int()
      .min(1_024)
      .max(64 * 1024 ** 2)
      .default(4 * 1024 ** 2),
    defaults: ToolRules.prefault({}),
    tools: z.record(z.string().min(1).max(128), ToolRules).default({}),
  })
  .superRefine((upstream, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if ((upstream.url === undefined) === (upstream.command === undefined))
      wrong(upstream.url === undefined ? '' : 'command', 'give either url or command');
    const [forUrl, forCommand] = [['headers'], ['args', 'env', 'cwd', 'sandbox']] as const;
    const given = (key: string) => Object.keys((upstream as Record<string, unknown>)[key] ?? {}).length > 0;
    if (upstream.command !== undefined) for (const key of forUrl) if (given(key)) wrong(key, 'only with url');
    if (upstream.url !== undefined) for (const key of forCommand) if (given(key)) wrong(key, 'only with command');
    if (upstream.command !== undefined && upstream.auth !== 'none') wrong('auth', 'a process gets no token; use url');
    const { auth, oauth, headers } = upstream;
    if (oauth && auth !== 'oauth' && auth !== 'service') wrong('oauth', 'only with auth: oauth or auth: service');
    const secrets = ['client_secret_env', 'private_key_env'] as const;
    const held = secrets.filter((key) => oauth?.[key] !== undefined);
    if (held.length > 1) wrong('oauth', 'give either client_secret_env or private_key_env');
    if (held.length > 0 && !oauth?.issuer) wrong('oauth', `${held[0]} needs the issuer that it is for`);
    if (held.length > 0 && !oauth?.client_id) wrong('oauth', `${held[0]} needs client_id`);
    if (auth === 'service' && held.length === 0)
      wrong('oauth', 'auth: service needs issuer, client_id, and client_secret_env or private_key_env');
    if ((auth === 'oauth' || auth === 'service') && Object.keys(headers).some((name) => /^authorization$/i.test(name)))
      wrong('headers', `authorization comes from auth: ${auth}`);
    if (upstream.timeout_ms > upstream.max_timeout_ms) wrong('timeout_ms', 'more than max_timeout_ms');
    for (const [name, value] of Object.entries(upstream.headers))
      if (/^(host|content-length|connection|mcp-.*)$/i.test(name)) wrong('headers', `${name} may not be set`);
      else if (/\$\{(?![A-Za-z_][A-Za-z0-9_]*\})/.test(value)) wrong('headers', `${name}: expected \${NAME}`);
  });

const File = z.strictObject({
  upstreams: z
    .record(UpstreamName, Upstream)
    .refine((all) => Object.keys(all).length <= MAX_UPSTREAMS, `at most ${MAX_UPSTREAMS} upstreams`)
    .superRefine((all, context) => {
      const providers = Object.entries(all).map(([name, { provider }]) => provider ?? name);
      for (const [index, [name, { auth }]] of Object.entries(all).entries()) {
        const provider = providers[index]!;
        const wrong = (message: string) =>
          context.addIssue({ code: 'custom', path: [name, 'provider'], message: `${provider}: ${message}` });
        if (auth !== 'oauth') continue;
        if (!safeParse(ProviderId, provider).success) wrong('expected small letters, digits, "_" and "-"');
        // A token is for one resource.
        if (providers.indexOf(provider) !== index || providers.includes(provider, index + 1))
          wrong('another upstream has this provider; with auth: oauth each has its own');
      }
    }),
});

/** The issuer of the upstream's tokens is discovered from the upstream. */
export interface OauthConfig extends z.output<typeof Oauth> {
  /** user: each user authorises for itself; service: we are authorised, for all. */
  readonly by: 'user' | 'service';
}

/** One MCP upstream. */
export interface UpstreamConfig extends Omit<
  z.output<typeof Upstream>,
  'auth' | 'oauth' | 'provider' | 'approve' | 'idle_ms' | 'sandbox'
> {
  readonly name: string;
  /** user: there is a connection for each user. */
  readonly auth: 'none' | 'user';
  readonly oauth?: OauthConfig;
  readonly provider: string;
  readonly approve: 'manual' | 'first_use';
  readonly idle_ms: number;
  readonly sandbox: SandboxConfig;
}

export type ParsedUpstreams =
  { readonly upstreams: readonly UpstreamConfig[] } | { readonly mistakes: readonly FileMistake[] };

/** All upstreams of the file, or its mistakes with their lines where there is any. */
export function parseUpstreams(text: string): ParsedUpstreams {
  const file = readYaml(text);
  if ('mistakes' in file) return file;
  const parsed = safeParse(File, file.value ?? { upstreams: {} }); // An empty file is the list of none.
  if (!parsed.success) return { mistakes: file.mistakesIn(parsed.error).slice(0, MAX_MISTAKES) };
  return {
    upstreams: Object.entries(parsed.data.upstreams).map(([name, { auth, oauth, ...upstream }]) => ({
      ...upstream,
      name,
      auth: auth === 'user' || auth === 'oauth' ? 'user' : 'none',
      ...(auth === 'oauth' || auth === 'service'
        ? { oauth: { ...(oauth ?? Oauth.parse({})), by: auth === 'oauth' ? ('user' as const) : ('service' as const) } }
        : {}),
      provider: upstream.provider ?? name,
      approve: upstream.approve ?? (upstream.trust === 'trusted' ? 'first_use' : 'manual'),
      sandbox: upstream.sandbox ?? DEFAULT_SANDBOX,
      idle_ms: upstream.idle_ms ?? (upstream.command === undefined ? 60_000 : 900_000),
    })),
  };
}

/** The names of variables that an upstream needs. */
export function variablesOf(upstream: UpstreamConfig): string[] {
  const inHeaders = Object.values(upstream.headers).flatMap((value) =>
    [...value.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => name!),
  );
  return [...new Set([...inHeaders, ...upstream.env])];
}

export type ReadVariable = (name: string) => string | undefined;

/** The headers with their variables filled in, or the names of those that are not set or empty. */
export function headersOf(
  upstream: UpstreamConfig,
  read: ReadVariable,
): { headers: Record<string, string> } | { missing: string[] } {
  const missing = variablesOf(upstream).filter((name) => !read(name));
  if (missing.length > 0) return { missing };
  const fill = (value: string) =>
    value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => read(name) ?? '');
  return {
    headers: Object.fromEntries(
      Object.entries(upstream.headers).map(([name, value]) => [name.toLowerCase(), fill(value)]),
    ),
  };
}
