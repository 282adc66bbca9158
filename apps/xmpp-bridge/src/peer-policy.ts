import { z } from 'zod';
import { bareOf } from './peers.ts';

/*
 * Who may call us over XMPP, and what. Pure.
 *
 * P1 Whoever is not named may do nothing; what is not named may not be called.
 * P2 The most exact entry decides alone: the JID, then its domain (`*@example.org`).
 */

const Pattern = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\/[^\s]*$/, 'expected a path such as /a2a or /runs/*');

export const PeerRule = z.strictObject({
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .default(['GET', 'POST']),
  /** Exact paths; `*` at the end matches what begins so. */
  paths: z.array(Pattern).min(1).max(100),
  maxBodyKb: z.number().int().min(0).max(10_240).default(64),
  perMinute: z.number().int().min(1).max(100_000).default(60),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .default('xmpp'),
});
export type PeerRule = z.infer<typeof PeerRule>;

/** The policy file: JID or `*@domain` -> what it may do. */
export const PeerPolicy = z.record(
  z.string().regex(/^(\*|[^\s@/]+)@[^\s@/]+$/, 'expected user@domain or *@domain'),
  PeerRule,
);
export type PeerPolicy = z.infer<typeof PeerPolicy>;

export interface PeerCall {
  readonly from: string;
  readonly method: string;
  readonly resource: string;
  readonly bodyBytes: number;
}

export type Verdict =
  | { readonly allowed: true; readonly rule: PeerRule }
  | { readonly allowed: false; readonly why: 'stranger' | 'method' | 'path' | 'size' };

export function ruleFor(policy: PeerPolicy, from: string): PeerRule | undefined {
  const bare = bareOf(from);
  return policy[bare] ?? policy[`*@${bare.slice(bare.indexOf('@') + 1)}`]; // P2
}

export function judgeCall(policy: PeerPolicy, call: PeerCall): Verdict {
  const rule = ruleFor(policy, call.from);
  if (!rule) return { allowed: false, why: 'stranger' };
  if (!rule.methods.some((method) => method === call.method)) return { allowed: false, why: 'method' };
  if (!pathAllowed(rule.paths, call.resource)) return { allowed: false, why: 'path' };
  if (call.bodyBytes > rule.maxBodyKb * 1_024) return { allowed: false, why: 'size' };
  return { allowed: true, rule };
}

/** The path as the receiving side will read it: an encoded or dotted detour must not get around the list. */
function pathAllowed(patterns: readonly string[], resource: string): boolean {
  if (!URL.canParse(resource, 'http://peer.invalid')) return false;
  const { pathname } = new URL(resource, 'http://peer.invalid');
  if (/%2e|%2f|%5c|\\|\/\//i.test(pathname)) return false;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern,
  );
}
