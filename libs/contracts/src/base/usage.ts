import { z } from 'zod';

/** The usage of calls to a language model. */
export const Usage = z.object({
  input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
  /** The cost, if the deployment knows the price of the model. */
  usd: z.number().nonnegative().optional(),
  estimated: z.literal(true).optional().describe('Some of it is an estimate: the model server did not say'),
});
export type Usage = z.infer<typeof Usage>;

/** Why an answer of the model is not whole: it met a limit of length, or a content filter cut it. */
export const FinishReason = z.enum(['length', 'content_filter']);
export type FinishReason = z.infer<typeof FinishReason>;

/** The sentences for an incomplete answer. */
export const UNFINISHED: Readonly<Record<FinishReason, string>> = {
  length: 'The answer is cut: the language model reached its limit of length.',
  content_filter: 'The answer is cut: the content filter of the model server stopped it.',
};
