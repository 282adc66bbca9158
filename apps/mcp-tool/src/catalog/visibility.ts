import { mayAct, type Principal, type Role, roleSuffices, type ToolConstraints } from '@switchyard/contracts';
import { constraintsAllow, matchesTool } from '@switchyard/run';
import type { ToolData } from '../tool/index.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * Who sees which tool. Pure.
 *
 * V1 One function decides, for listing, for calling and for explaining.
 * V2 A tool that is hidden answers exactly as one that does not exist; the rule is for the log, the audit and admins.
 * V3 What is not known is not allowed: a provider whose state cannot be found out counts as not authorised.
 * V4 A tool that sends the user's token is there where this user gave one for just that provider, of just that issuer.
 */

/** What is known of a user's authorisation of a provider. */
export type ProviderStatus =
  /** There is no such provider, so that nothing but its token needs it; `because`: why there is none. */
  | { readonly status: 'not_needed'; readonly because?: string | undefined }
  | { readonly status: 'authorised'; readonly scopes?: readonly string[]; readonly issuer?: string | undefined }
  | { readonly status: 'missing' | 'expired' | 'revoked' | 'unknown'; readonly issuer?: string | undefined };

/** Who tells whether a user has authorised a provider. */
export interface ProviderAuthorisations {
  /** As it is now: a provider that was revoked is not authorised from that moment on. */
  statusOf(principal: Principal, provider: string): Promise<ProviderStatus>;
  /** Another value wherever any status of this user may be another one. */
  epochOf(principal: Principal): Promise<number | string> | number | string;
}

/** What an operator lets a tenant use: patterns `name`, `name*`, `provider:<name>`, `kind:<kind>`. Deny comes first. */
export interface TenantPolicy {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export const OPEN_POLICY: TenantPolicy = {};

export interface Viewer {
  readonly role: Role;
  readonly constraints: ToolConstraints;
  /** The only tools that may be used on this behalf (`Principal.tools`). */
  readonly within?: readonly string[] | undefined;
  readonly policy: TenantPolicy;
  /** By provider. */
  readonly providers: ReadonlyMap<string, ProviderStatus>;
}

export type Rule = 'role' | 'policy' | 'authorisation' | 'constraints';
export type Verdict =
  { readonly visible: true } | { readonly visible: false; readonly rule: Rule; readonly because: string };

type Judged = Pick<ToolData, 'name' | 'aliases' | 'provider' | 'kind' | 'requiredRole' | 'requiredScopes' | 'tokenOf'>;

/** V1: role × policy of the tenant × authorisation of the provider × constraints; the first that refuses decides. */
export function judgeVisibility(tool: Judged, viewer: Viewer): Verdict {
  const base = judgeBase(tool, viewer);
  if (!base.visible) return base;
  if (!isWithin(viewer.within, tool)) return hidden('constraints', 'This caller may use other tools alone.');
  if (constraintsAllow(viewer.constraints, tool)) return base;
  return hidden('constraints', 'The tool constraints of the request do not name it.');
}

/** True where a caller that is held to `tools` may use this one. */
export function isWithin(tools: readonly string[] | undefined, tool: Judged): boolean {
  return tools === undefined || tools.some((pattern) => matchesTool(pattern, tool));
}

/** The same without constraints: what does not depend on the request. */
export function judgeBase(tool: Judged, viewer: Omit<Viewer, 'constraints'>): Verdict {
  if (!roleSuffices(viewer.role, tool.requiredRole))
    return hidden('role', `It is for the role ${tool.requiredRole}; this is a ${viewer.role}.`);
  // An auditor looks at things: what a tool does to the world is for others to ask.
  if (!mayAct(viewer) && tool.kind !== 'read')
    return hidden('role', 'It changes something, and an auditor only reads.');
  const { allow, deny } = viewer.policy;
  const denied = deny?.find((pattern) => matchesTool(pattern, tool));
  if (denied !== undefined) return hidden('policy', `The policy of the tenant denies "${denied}".`);
  if (allow && !allow.some((pattern) => matchesTool(pattern, tool)))
    return hidden('policy', 'The policy of the tenant does not allow it.');
  const { tokenOf } = tool;
  const scoped = tokenOf?.provider ?? tool.provider;
  for (const name of new Set([tool.provider, scoped])) {
    const verdict = judgeProvider(name, viewer, {
      scopes: name === scoped ? tool.requiredScopes : [],
      ...(name === tokenOf?.provider ? { tokenOf } : {}),
    });
    if (!verdict.visible) return verdict;
  }
  return VISIBLE;
}

function judgeProvider(
  name: string,
  viewer: Pick<Viewer, 'providers'>,
  { scopes, tokenOf }: { scopes: readonly string[]; tokenOf?: TokenOf },
): Verdict {
  const provider = viewer.providers.get(name) ?? { status: 'unknown' }; // V3
  if (provider.status === 'not_needed')
    return tokenOf ? hidden('authorisation', provider.because ?? `There is no provider ${name} here.`) : VISIBLE;
  if (tokenOf?.issuer !== undefined && provider.status !== 'unknown' && provider.issuer !== tokenOf.issuer)
    return hidden(
      'authorisation',
      `The provider ${name} is another one here; this tool takes ${tokenOf.issuer} alone.`,
    );
  if (provider.status !== 'authorised')
    return hidden('authorisation', `The provider ${name} is not authorised by this user: ${provider.status}.`);
  const missing = scopes.filter((scope) => !(provider.scopes ?? scopes).includes(scope));
  if (missing.length === 0) return VISIBLE;
  return hidden('authorisation', `The authorisation of ${name} does not cover ${missing.join(', ')}.`);
}

const VISIBLE: Verdict = { visible: true };

function hidden(rule: Rule, because: string): Verdict {
  return { visible: false, rule, because };
}
