import { z } from 'zod';

/** What calls of a language model used. */
export const Usage = z.object({
  input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
  /** What it cost, where the deployment knows the price of the model. */
  usd: z.number().nonnegative().optional(),
});
export type Usage = z.infer<typeof Usage>;
