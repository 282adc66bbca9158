import { busTrust, busVariables, LOG_VARIABLES } from '@switchyard/platform';
import { z } from 'zod';

export const Config = z
  .object({
    MOCK_A2A_PORT: z.coerce.number().int().min(0).max(65_535).default(8001).describe('Port; 0 takes any free one'),
    MOCK_A2A_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
    MOCK_A2A_URL: z
      .url()
      .optional()
      .describe('Base URL that the card names, where clients reach it by another address'),
    MOCK_A2A_NAME: z.string().min(1).max(200).default('Mock agent').describe('Name in the card'),
    MOCK_A2A_NATS_URL: z
      .string()
      .min(1)
      .optional()
      .describe('NATS server of an organisation without a gateway: peers are answered there, and no port is opened'),
    BUS_KEYS: busVariables.BUS_KEYS,
    BUS_TRUST: busVariables.BUS_TRUST,
    ...LOG_VARIABLES,
  })
  .transform((env, context) => ({
    port: env.MOCK_A2A_PORT,
    host: env.MOCK_A2A_HOST,
    name: env.MOCK_A2A_NAME,
    natsUrl: env.MOCK_A2A_NATS_URL,
    logLevel: env.LOG_LEVEL,
    logLevels: env.LOG_LEVELS,
    busTrust: env.MOCK_A2A_NATS_URL === undefined ? 'open' : busTrust(env, context),
    ...(env.MOCK_A2A_URL ? { publicUrl: env.MOCK_A2A_URL } : {}),
  }));
export type Config = z.output<typeof Config>;
