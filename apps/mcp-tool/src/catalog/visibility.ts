import { mayAct, type Principal, type Role, roleSuffices, type ToolConstraints } from '@switchyard/contracts';
import { constraintsAllow, matchesTool } from '@switchyard/run';
import type { ToolData } from '../tool/index.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * Decides which caller sees which tool. Pure.
 *
 * - One function decides for listing, for calling and for explaining.
 * - A hidden tool answers exactly like one that does not exist. Only the log, the audit and admins learn the rule.
 * - A provider whose status is not known counts as not authorised.
 * - A tool that sends the user's token is visible only if this user authorised exactly that provider, of exactly that
 *   issuer.
 */

/** The status of a user's authorisation of a provider. */
export type ProviderStatus =
  /** No such provider exists, so only a tool that sends its token needs one. `because`: why it does not exist. */
  | { readonly status: 'not_needed'; readonly because?: string | undefined }
  | { readonly status: 'authorised'; readonly scopes?: readonly string[]; readonly issuer?: string | undefined }
  | { readonly status: 'missing' | 'expired' | 'revoked' | 'unknown'; readonly issuer?: string | undefined };

/** Tells whether a user has authorised a provider. */
export interface ProviderAuthorisations {
  /** The status now: from the moment of a revocation the provider is not authorised. */
  statusOf(principal: Principal, provider: string): Promise<ProviderStatus>;
  /** Changes whenever a status of this user may have changed. */
  epochOf(principal: Principal): Promise<number | string> | number | string;
}

/**
 * The tools that an operator allows a tenant: patterns `name`, `name*`, `provider:<name>`, `kind:<kind>`. Deny comes
 * first.
 */
export interface TenantPolicy {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export const OPEN_POLICY: TenantPolicy = {};

export interface Viewer {
  readonly role: Role;
  readonly constraints: ToolConstraints;
  /** The only tools that this principal may use (`Principal.tools`); absent: no such limit. */
  readonly within?: readonly string[] | undefined;
  readonly policy: TenantPolicy;
  /** By provider. */
  readonly providers: ReadonlyMap<string, ProviderStatus>;
}

export type Rule = 'role' | 'policy' | 'authorisation' | 'constraints';
export type Verdict =
  { readonly visible: true } | { readonly visible: false; readonly rule: Rule; readonly because: string };

type Judged = Pick<ToolData, 'name' | 'aliases' | 'provider' | 'kind' | 'requiredRole' | 'requiredScopes' | 'tokenOf'>;

/** Judges role, policy of the tenant, authorisation of the provider, then constraints. The first refusal decides. */
export function judgeVisibility(tool: Judged, viewer: Viewer): Verdict {
  const base = judgeBase(tool, viewer);
  if (!base.visible) return base;
  if (!isWithin(viewer.within, tool)) return hidden('constraints', 'This caller may use other tools alone.');
  if (constraintsAllow(viewer.constraints, tool)) return base;
  return hidden('constraints', 'The tool constraints of the request do not name it.');
}

/** True where a caller that is limited to `tools` may use this tool. */
export function isWithin(tools: readonly string[] | undefined, tool: Judged): boolean {
  return tools === undefined || tools.some((pattern) => matchesTool(pattern, tool));
}

/** Judges without constraints: the part that does not depend on the request. */
export function judgeBase(tool: Judged, viewer: Omit<Viewer, 'constraints'>): Verdict {
  if (!roleSuffices(viewer.role, tool.requiredRole))
    return hidden('role', `It is for the role ${tool.requiredRole}; this is a ${viewer.role}.`);
  // An auditor only reads; tools that change something are for other roles.
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
  const provider = viewer.providers.get(name) ?? { status: 'unknown' };
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
