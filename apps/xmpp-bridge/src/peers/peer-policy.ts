import { z } from 'zod';
import { bareOf } from './peers.ts';

/*
 * Which peers may call us over XMPP, and what they may call. Pure.
 *
 * - A peer that the policy does not name may do nothing. Peers may call only what the policy names.
 * - The most specific entry decides alone: the entry of the JID, else the entry of its domain (`*@example.org`).
 * - A run of a peer may use only the tools that its entry names, whatever the request asks for.
 */

const Pattern = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\/[^\s]*$/, 'expected a path such as /a2a or /runs/*');

const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 08:30');
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const Hours = z.strictObject({
  from: Clock,
  /** Earlier than `from`: the span ends on the next day. */
  to: Clock,
  /** The days on which the span begins. */
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .default([...DAYS]),
  zone: z.string().max(64).refine(isZone, 'expected a time zone such as Europe/Berlin').default('UTC'),
});
export type Hours = z.infer<typeof Hours>;

export const PeerRule = z.strictObject({
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .default(['GET', 'POST']),
  /** Exact paths; `*` at the end matches any continuation. */
  paths: z.array(Pattern).min(1).max(100),
  maxBodyKb: z.number().int().min(0).max(10_240).default(64),
  perMinute: z.number().int().min(1).max(100_000).default(60),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .default('xmpp'),
  /** Absent: at any time. */
  hours: Hours.optional(),
  /** The tools that runs of this peer may use; absent: those that its tenant may use. */
  tools: z.array(z.string().min(1).max(128)).max(256).optional(),
  /** The peer must be in the account's roster. */
  contactsOnly: z.boolean().default(false),
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
  /** The peer is in the roster of our account. */
  readonly isContact: boolean;
  readonly nowMs: number;
}

export type Verdict =
  { readonly allowed: true; readonly rule: PeerRule } | { readonly allowed: false; readonly why: Denial };
export type Denial = 'stranger' | 'method' | 'path' | 'size' | 'hours' | 'rate';

/** The entry of the JID, else the entry of its domain. */
export function ruleFor(policy: PeerPolicy, from: string): PeerRule | undefined {
  const bare = bareOf(from);
  return policy[bare] ?? policy[`*@${bare.slice(bare.indexOf('@') + 1)}`];
}

export function judgeCall(policy: PeerPolicy, call: PeerCall): Verdict {
  const rule = ruleFor(policy, call.from);
  if (!rule || (rule.contactsOnly && !call.isContact)) return { allowed: false, why: 'stranger' };
  if (rule.hours && !withinHours(rule.hours, call.nowMs)) return { allowed: false, why: 'hours' };
  if (!rule.methods.some((method) => method === call.method)) return { allowed: false, why: 'method' };
  if (!pathAllowed(rule.paths, call.resource)) return { allowed: false, why: 'path' };
  if (call.bodyBytes > rule.maxBodyKb * 1_024) return { allowed: false, why: 'size' };
  return { allowed: true, rule };
}

/** Compares the path as the receiving side will read it: an encoded or dotted detour must not get around the list. */
function pathAllowed(patterns: readonly string[], resource: string): boolean {
  const pathname = pathOf(resource);
  if (pathname === undefined) return false;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern,
  );
}

/** Undefined if it is no path, or disguises one. */
function pathOf(resource: string): string | undefined {
  // Most paths are plain, and the check is cheaper than parsing.
  if (/^\/[A-Za-z0-9_~./-]*$/.test(resource) && !/\/[./]/.test(resource)) return resource;
  if (!URL.canParse(resource, 'http://peer.invalid')) return undefined;
  const { pathname } = new URL(resource, 'http://peer.invalid');
  return /%2e|%2f|%5c|\\|\/\//i.test(pathname) ? undefined : pathname;
}

export function withinHours({ from, to, days, zone }: Hours, nowMs: number): boolean {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }).formatToParts(nowMs);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  const now = `${part('hour')}:${part('minute')}`;
  const today = DAYS.findIndex((day) => day === part('weekday').toLowerCase());
  const begins = (day: number): boolean => days.includes(DAYS[(day + DAYS.length) % DAYS.length]!);
  if (from < to) return begins(today) && now >= from && now < to;
  return (begins(today) && now >= from) || (begins(today - 1) && now < to);
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
