import { z } from 'zod';
import { Id } from './ids.ts';

export const ROLES = ['user', 'admin', 'auditor'] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/**
 * On whose behalf a request is made. Set once, by the gateway (or the bridge, for a peer), and carried in
 * every request; services authorise by it and by nothing else.
 */
export const Principal = z.object({
  tenantId: Id,
  userId: Id,
  role: Role,
  via: z
    .enum(['dev', 'jwt', 'edge', 'xmpp', 'operator', 'anonymous', 'service'])
    .describe('How the identity was proved; `service`: no person, a service of this system by itself'),
  tools: z
    .array(z.string().min(1).max(128))
    .max(256)
    .optional()
    .describe('The only tools that may be used on this behalf, whatever a request asks for; `name`, `name*`'),
});
export type Principal = z.infer<typeof Principal>;

/** A request on the bus without a principal is nobody's: least rights, its own tenant. */
export const ANONYMOUS: Principal = Object.freeze({
  tenantId: 'anonymous',
  userId: 'anonymous',
  role: 'user',
  via: 'anonymous',
});

export const PrincipalOrNobody = Principal.default(ANONYMOUS);

/** The prefix of user ids for operators who act on the bus: no user of a tenant has such an id. */
export const OPERATOR_USER_PREFIX = 'operator-';

/**
 * How each service may have learned of the principals that it acts on behalf of. One that is not here acts for itself
 * alone.
 */
export const ACTS_FOR: Readonly<Record<string, readonly Principal['via'][]>> = {
  gateway: ['dev', 'jwt', 'edge', 'xmpp', 'anonymous'],
  orchestrator: ['dev', 'jwt', 'edge', 'xmpp', 'anonymous'],
  // It acts with the principal of the call or step that it performs.
  'mcp-tool': ['dev', 'jwt', 'edge', 'xmpp', 'operator', 'anonymous'],
  'xmpp-bridge': ['xmpp'],
  operator: ['operator'],
};

/**
 * Whether one that asks on the bus may do so on behalf of this principal. A service that is not in the table acts for
 * itself alone; an operator acts under the own name alone, in any tenant.
 */
export function mayActFor(
  { asker, person }: { readonly asker: string; readonly person?: string },
  { via, userId }: Pick<Principal, 'via' | 'userId'>,
): boolean {
  if (!Object.hasOwn(ACTS_FOR, asker)) return via === 'service' && userId === asker;
  if (!ACTS_FOR[asker]!.includes(via)) return false;
  return asker !== 'operator' || userId === `${OPERATOR_USER_PREFIX}${person ?? ''}`;
}

/** True where `role` grants what `required` asks. Admin includes user; auditor is a role of its own. */
export function roleSuffices(role: Role, required: Role | undefined): boolean {
  return required === undefined || required === 'user' || role === required;
}
