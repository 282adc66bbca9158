import { type BusKey, parseBusKeys } from '@switchyard/contracts';
import { z } from 'zod';
import { tlsVariables } from './tls-files.ts';

/* Settings that every service has. */

export const integer = (min: number, max: number, fallback: number) => {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z.coerce.number(expected).int(expected).min(min, expected).max(max, expected).default(fallback);
};

const TRUTH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** true or false, in any case; also as Python's and YAML's people write them: True, yes, 1. */
export const Truth = z.string().transform((text, context): boolean => {
  const word = text.trim().toLowerCase();
  const known = Object.hasOwn(TRUTH, word) ? TRUTH[word] : undefined;
  if (known !== undefined) return known;
  context.addIssue({ code: 'custom', message: 'expected true or false' });
  return z.NEVER;
});

export const flag = (fallback: boolean) => Truth.default(fallback);

/** Where the port for operations listens, and who reads the metrics there; a service has them beside OPS_PORT. */
export const OPS_VARIABLES = {
  OPS_HOST: z.string().min(1).default('127.0.0.1').describe('Address that OPS_PORT listens on'),
  OPS_TOKEN: z
    .string()
    .min(16)
    .optional()
    .describe('Bearer token that /metrics asks for; unset: whoever reaches the port reads them'),
};

/** Converts OPS_VARIABLES to the settings of a service. */
export const opsAccessOf = (env: { OPS_HOST: string; OPS_TOKEN?: string | undefined }) => ({
  host: env.OPS_HOST,
  token: env.OPS_TOKEN,
});

/** Comma-separated; blanks around an item, and empty items, do not count. */
export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

/** How a service connects to the bus, and how it knows who asks it there. */
export const busVariables = {
  NATS_URL: z.string().min(1).default('nats://127.0.0.1:4222').describe('NATS server, with the login of this service'),
  ...tlsVariables('NATS'),
  BUS_KEYS: z
    .string()
    .transform((text, context): readonly BusKey[] => {
      try {
        return parseBusKeys(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'it cannot be read' });
        return z.NEVER;
      }
    })
    .optional()
    .describe('Keys with which requests between services are signed, made by `./switchyard nats keys`'),
  BUS_TRUST: z
    .enum(['signed', 'open'])
    .default('signed')
    .describe('`open`: requests are neither signed nor checked; only where nobody else reaches the bus'),
};

/** The trust of a service on the bus. Adds an issue if requests must be signed and there are no keys. */
export function busTrust(
  { BUS_TRUST, BUS_KEYS }: { readonly BUS_TRUST: 'signed' | 'open'; readonly BUS_KEYS?: readonly BusKey[] | undefined },
  context: z.RefinementCtx,
): 'open' | readonly BusKey[] {
  if (BUS_TRUST === 'open') return 'open';
  if (BUS_KEYS !== undefined) return BUS_KEYS;
  const message =
    'set the keys of this service (`./switchyard nats keys`), or BUS_TRUST=open where the bus is not shared';
  context.addIssue({ code: 'custom', path: ['BUS_KEYS'], message });
  return [];
}
