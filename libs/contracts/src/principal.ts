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
  via: z.enum(['dev', 'jwt', 'edge', 'xmpp', 'operator', 'anonymous']).describe('How the identity was proved'),
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

/** True where `role` grants what `required` asks. Admin includes user; auditor is a role of its own. */
export function roleSuffices(role: Role, required: Role | undefined): boolean {
  return required === undefined || required === 'user' || role === required;
}
