import { z } from 'zod';

/*
 * What a model costs, by its name. Money is counted in whole billionths of a dollar (nano-USD), so that sums are exact.
 */

/** USD for a million tokens. `cached_input`: input that the endpoint had in its cache; absent: as `input`. */
const Price = z.strictObject({
  input: z.number().nonnegative(),
  output: z.number().nonnegative(),
  cached_input: z.number().nonnegative().optional(),
});
export type Price = z.output<typeof Price>;

const PriceTable = z.record(z.string().min(1).max(128), Price);

/** Looks up the price of a model; undefined if the deployment does not define one. */
export type Prices = (model: string) => Price | undefined;

export interface Tokens {
  readonly input: number;
  readonly output: number;
  /** The part of `input` that came from the endpoint's cache. */
  readonly cachedInput?: number;
}

const REMEDY =
  'MODEL_PRICES must be a JSON object of model names, or prefixes that end in "*", with USD per million tokens: ' +
  '{"gpt-4.1-mini*": {"input": 0.4, "output": 1.6, "cached_input": 0.1}}';

/** Reads the table from its JSON text. */
export const PriceTableText = z.string().transform((text, context): Readonly<Record<string, Price>> => {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: `${REMEDY}. This is no JSON.` });
    return z.NEVER;
  }
  const table = PriceTable.safeParse(value);
  if (table.success) return table.data;
  const [issue] = table.error.issues;
  context.addIssue({ code: 'custom', message: `${REMEDY}. Wrong: ${issue?.path.join('.')}: ${issue?.message}` });
  return z.NEVER;
});

/** The exact name wins, then the longest prefix. */
export function pricesFrom(table: Readonly<Record<string, Price>>): Prices {
  const prefixes = Object.keys(table)
    .filter((name) => name.endsWith('*'))
    .sort((a, b) => b.length - a.length);
  return (model) => {
    if (Object.hasOwn(table, model)) return table[model];
    const prefix = prefixes.find((name) => model.startsWith(name.slice(0, -1)));
    return prefix === undefined ? undefined : table[prefix];
  };
}

const NANO = 1_000_000_000;
/** USD for a million tokens are thousands of nano-USD for one. */
const NANO_PER_TOKEN = 1_000;

export function nanoUsd(price: Price, { input, output, cachedInput = 0 }: Tokens): number {
  const cached = Math.min(cachedInput, input);
  const perCached = price.cached_input ?? price.input;
  return Math.ceil(
    NANO_PER_TOKEN * ((input - cached) * price.input + cached * perCached + output * price.output) - 1e-6,
  );
}

export const toUsd = (nano: number): number => nano / NANO;
export const toNano = (usd: number): number => Math.round(usd * NANO);
