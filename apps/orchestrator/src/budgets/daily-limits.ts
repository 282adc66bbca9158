import { z } from 'zod';

/** Daily limits; null: no limit of this kind. */
export interface Limits {
  readonly tokens: number | null;
  readonly usd: number | null;
}

export interface DailyLimits {
  readonly user: Limits;
  readonly tenant: Limits;
}

const positive = z.number().nonnegative().nullish();
const Override = z.strictObject({
  user_tokens: positive,
  user_usd: positive,
  tenant_tokens: positive,
  tenant_usd: positive,
});
export type Override = z.output<typeof Override>;

const REMEDY =
  'DAILY_LIMITS_BY_TENANT must be a JSON object: tenant -> {"user_tokens", "user_usd", "tenant_tokens", "tenant_usd"}, ' +
  'each a number, or null for no limit';

/** Limits of single tenants. An omitted limit is the default for all tenants; null means no limit. */
export const TenantLimitsText = z.string().transform((text, context): Readonly<Record<string, Override>> => {
  if (text.trim() === '') return {};
  try {
    return z.record(z.string(), Override).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: REMEDY });
    return z.NEVER;
  }
});

/** The limits of a tenant and each of its users; undefined if there is none. */
export function limitsOf(
  all: DailyLimits,
  overrides: Readonly<Record<string, Override>>,
  tenantId: string,
): DailyLimits | undefined {
  const own = Object.hasOwn(overrides, tenantId) ? overrides[tenantId] : undefined;
  const or = (value: number | null | undefined, general: number | null) => (value === undefined ? general : value);
  const limits = {
    user: { tokens: or(own?.user_tokens, all.user.tokens), usd: or(own?.user_usd, all.user.usd) },
    tenant: { tokens: or(own?.tenant_tokens, all.tenant.tokens), usd: or(own?.tenant_usd, all.tenant.usd) },
  };
  return [limits.user, limits.tenant].some(({ tokens, usd }) => tokens !== null || usd !== null) ? limits : undefined;
}
