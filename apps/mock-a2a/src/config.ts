import { z } from 'zod';

export const Config = z
  .object({
    MOCK_A2A_PORT: z.coerce.number().int().min(0).max(65_535).default(8001).describe('Port; 0 takes any free one'),
  })
  .transform((env) => ({ port: env.MOCK_A2A_PORT }));
export type Config = z.output<typeof Config>;
