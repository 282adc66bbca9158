import { AppError, type HttpCall, type HttpToolDefinition } from '@switchyard/contracts';
import { judgeUrl, RedirectRefused, type SafeFetch } from '@switchyard/safe-fetch';
import {
  compileSchema,
  keyHeaders,
  makeTool,
  mayHaveEffect,
  type Tool,
  type ToolContext,
  ToolError,
  toolName,
  type Trust,
} from '../tool/index.ts';
import { callProblems, credentialsOf, requestOf, resultOf } from './http-request.ts';
import { asUser, refusalIn, type UserTokens } from '../oauth/index.ts';

/*
 * A tool that is a declared HTTP call.
 *
 * - A request leaves only through safe-fetch, and redirects are not followed. If a call that may have an effect is
 *   answered with a redirect or with an error of the server, the effect is in doubt.
 * - An answer that says that nothing was done (4xx) becomes the tool's own error, with the beginning of its text.
 * - The response is untrusted: its size is limited, and it is read as JSON or text and checked against the declared
 *   schema.
 * - The token of a user (`auth`) goes only to the host of the definition, and only over https unless the operator
 *   excepted the host.
 */

export interface HttpToolParts {
  readonly fetch: SafeFetch;
  /** Hosts that the operator excepted from the guard. */
  readonly allowHosts: ReadonlySet<string>;
  /** True for a host that is reached over XMPP: its name need not be public, nor exist in DNS. */
  readonly isMapped?: (url: URL) => boolean;
  /** The tokens that users gave; absent: no tool sends one. */
  readonly tokens?: UserTokens;
  /** Who wrote the definition: an operator in a file, or an admin of a tenant through the API. */
  readonly writtenBy: 'operator' | 'tenant';
}

const MAX_RESPONSE_BYTES = 1024 ** 2;
const MAX_SAID_CHARS = 500;
/** True if the server did nothing, or asks for a retry. */
const NOTHING_WAS_DONE = (status: number): boolean => status >= 400 && status < 500 && status !== 408;

/** Thrown for a definition that cannot become a tool: each mistake and its place. */
export class DefinitionProblems extends Error {
  constructor(readonly problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]) {
    super(problems.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`).join('; '));
  }
}

function judged(url: URL, { allowHosts, isMapped }: HttpToolParts): ReturnType<typeof judgeUrl> {
  const mayBePrivate = isMapped?.(url) === true ? new Set([url.hostname, ...allowHosts]) : allowHosts;
  return judgeUrl(url, mayBePrivate);
}

/** Makes the tool, or throws DefinitionProblems with all that is wrong. */
export function httpTool(definition: HttpToolDefinition, parts: HttpToolParts): Tool {
  const { http, input, output } = definition;
  const problems = callProblems(definition);
  const verdict = URL.canParse(http.url) ? judged(new URL(http.url), parts) : undefined;
  if (!verdict?.ok) problems.push({ path: ['http', 'url'], message: verdict ? verdict.why : 'this is not a URL' });
  const trust: Trust = parts.writtenBy === 'operator' ? 'trusted' : 'untrusted';
  const compiled = (schema: Record<string, unknown>, path: string) => {
    try {
      return compileSchema(schema, trust);
    } catch (error) {
      problems.push({ path: [path], message: error instanceof AppError ? error.message : 'this is no schema' });
      return undefined;
    }
  };
  if (input['type'] !== 'object') problems.push({ path: ['input'], message: 'it must be of type "object"' });
  const check = compiled(input, 'input');
  const judge = output === undefined ? undefined : compiled(output, 'output');
  const requiredCredentials = credentialsOf(http);
  if (parts.writtenBy === 'tenant' && requiredCredentials.length > 0)
    problems.push({ path: ['http'], message: 'credentials of the deployment are for tools in files of the operator' });
  problems.push(...authProblems(definition, parts));
  if (problems.length > 0 || !check) throw new DefinitionProblems(problems);

  const { name, provider, kind = kindOf(http.method) } = definition;
  const { idempotency = kind === 'read' ? 'safe' : 'none' } = definition;
  const effects = mayHaveEffect({ kind, idempotency });
  const data = {
    name: toolName(provider, name),
    provider,
    kind,
    idempotency,
    source: 'http_endpoint' as const,
    title: definition.title,
    version: definition.version,
    description: definition.description,
    requiredRole: definition.required_role,
    requiresApproval: definition.requires_approval || undefined,
    requiredCredentials,
    requiredScopes: definition.required_scopes,
    tokenOf: definition.auth,
    timeoutMs: definition.timeout_ms,
    maxOutputBytes: definition.max_output_bytes,
    inputSchema: input,
    outputSchema: output,
    trust: 'untrusted' as const,
  };
  return makeTool(data, {
    check,
    run: (args, context) => call(definition, args as Record<string, unknown>, effects, context, parts),
    judge: judge ?? ((value) => (value === undefined ? NOT_THERE : { ok: true, value })),
  });
}

/** Mistakes of `auth`: who wrote it, where the token would go, or a header that is set already. */
function authProblems({ auth, http }: HttpToolDefinition, { tokens, writtenBy, allowHosts, isMapped }: HttpToolParts) {
  if (auth === undefined) return [];
  const wrong = (message: string) => ({ path: ['auth'], message });
  const url = URL.canParse(http.url) ? new URL(http.url) : undefined;
  const isExcepted = url && (allowHosts.has(url.host) || allowHosts.has(url.hostname) || isMapped?.(url) === true);
  const names = Object.keys(http.headers ?? {}).map((name) => name.toLowerCase());
  return [
    ...(writtenBy === 'tenant' || !tokens ? [wrong('tokens of users are for tools in files of the operator')] : []),
    ...(url && url.protocol !== 'https:' && !isExcepted ? [wrong('the token of a user is sent over https alone')] : []),
    ...(names.includes('authorization') ? [wrong('the header Authorization is set already')] : []),
  ];
}

const NOT_THERE = { ok: false, issues: ['http.result: there is no such part in the answer'] } as const;

async function call(
  { http, auth, timeout_ms: timeoutMs }: HttpToolDefinition,
  args: Record<string, unknown>,
  effects: boolean,
  context: ToolContext,
  { fetch, tokens }: HttpToolParts,
): Promise<unknown> {
  const { url, headers, ...request } = requestOf(http, args, context.credentials);
  const keyed = effects ? { ...headers, ...keyHeaders(context) } : headers;
  const { signal } = context;
  const limits = { timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES, signal, urlTemplate: pathOf(http.url) };
  const send = (more: Record<string, string> = {}) =>
    fetch(url, { ...request, headers: { ...keyed, ...more }, ...limits });
  const sendAsUser = async (token: string): Promise<Response> => {
    const response = await send({ authorization: `Bearer ${token}` });
    const refusal = refusalIn(response);
    if (!refusal) return response;
    await response.body?.cancel();
    throw refusal;
  };
  try {
    const response = await (auth && tokens ? asUser(tokens, auth, context.principal, sendAsUser) : send());
    if (response.ok) return resultOf(await contentOf(response), http.result);
    throw await refusalOf(response);
  } catch (error) {
    // safe-fetch calls a redirect blocked, but the other server was asked.
    if (error instanceof RedirectRefused) throw new AppError('upstream_failed', error.message, { cause: error });
    throw error;
  }
}

/** The path as it is declared: with the names of its arguments, and none of their values. */
function pathOf(template: string): string {
  const [, path = '/'] = /^[^/]*\/\/[^/?#]*([^?#]*)/.exec(template) ?? [];
  return path === '' ? '/' : path;
}

async function contentOf(response: Response): Promise<unknown> {
  const type = (response.headers.get('content-type') ?? '').toLowerCase();
  const text = await response.text();
  if (/[/+]json\b/.test(type)) {
    try {
      return text.trim() === '' ? null : (JSON.parse(text) as unknown);
    } catch (cause) {
      throw new AppError('upstream_failed', 'The other server did not answer in valid JSON.', { cause });
    }
  }
  if (type === '' || type.startsWith('text/') || /[/+]xml\b/.test(type)) return text === '' ? null : text;
  return { note: `An answer of the type ${type.slice(0, 100)}, which is not shown.`, characters: text.length };
}

async function refusalOf(response: Response): Promise<Error> {
  const { status } = response;
  const text = await response.text().catch(() => '');
  const said = text.replace(/\s+/g, ' ').trim().slice(0, MAX_SAID_CHARS);
  const message = `The other server answered ${status}${said === '' ? '.' : `: ${said}`}`;
  return NOTHING_WAS_DONE(status)
    ? new ToolError(message)
    : new AppError('upstream_failed', `The other server answered ${status}.`, { cause: new Error(message) });
}

/** The kind of a call without a declared one: a method that may change something does not count as reading. */
function kindOf(method: HttpCall['method']): 'read' | 'write' | 'destructive' {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return method === 'DELETE' ? 'destructive' : 'write';
}
