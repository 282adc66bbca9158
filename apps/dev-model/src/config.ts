import { readFileSync } from 'node:fs';
import { LOG_VARIABLES } from '@switchyard/platform';
import { z } from 'zod';
import { Script } from './script.ts';

export const Config = z
  .object({
    DEV_MODEL_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('Port; 0 takes any free one'),
    DEV_MODEL_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
    DEV_MODEL_SCRIPT: z.string().optional().describe('File with scripted answers (JSON), for tests'),
    DEV_MODEL_DELAY_MS: z.coerce.number().int().min(0).max(60_000).default(0).describe('Pause before each chunk'),
    ...LOG_VARIABLES,
  })
  .transform((env, ctx) => {
    const script = env.DEV_MODEL_SCRIPT ? readScript(env.DEV_MODEL_SCRIPT) : undefined;
    if (script !== undefined && 'problem' in script) {
      ctx.addIssue({ code: 'custom', path: ['DEV_MODEL_SCRIPT'], message: script.problem });
      return z.NEVER;
    }
    return {
      port: env.DEV_MODEL_PORT,
      host: env.DEV_MODEL_HOST,
      delayMs: env.DEV_MODEL_DELAY_MS,
      logLevel: env.LOG_LEVEL,
      logLevels: env.LOG_LEVELS,
      ...(script ? { script: script.value } : {}),
    };
  });
export type Config = z.output<typeof Config>;

function readScript(file: string): { value: Script } | { problem: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { problem: 'the file cannot be read as JSON' };
  }
  const script = Script.safeParse(parsed);
  return script.success ? { value: script.data } : { problem: z.prettifyError(script.error) };
}
