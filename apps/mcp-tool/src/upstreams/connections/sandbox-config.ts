import { z } from 'zod';

/** The operator's settings for the sandbox of a process. */

/** Paths that are never passed in: the sandbox has its own, or they are the whole machine. */
const NEVER = /^\/(?:(?:proc|sys|dev)(?:\/.*)?)?$/;

const HostPath = z
  .string()
  .max(1_024)
  .regex(/^\/[^\0]*$/, 'expected an absolute path')
  .refine(
    (path) => !path.split('/').some((part) => part === '..' || part === '.'),
    'expected a path without "." and ".."',
  )
  .transform((path) => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1'))
  .refine((path) => !NEVER.test(path), 'this is not handed into a sandbox');

export const SandboxConfig = z.strictObject({
  mode: z
    .enum(['auto', 'required', 'off'])
    .default('auto')
    .describe('auto: the best that this machine has; required: in a sandbox or not at all; off: as this service'),
  network: z.boolean().default(false).describe('It may use the network, that of this machine included'),
  readable: z.array(HostPath).max(50).default([]).describe('Paths that it may read beside its own'),
  writable: z.array(HostPath).max(50).default([]).describe('Paths that it may change beside its own'),
  scratch_mb: z.number().int().min(1).max(65_536).default(64).describe('Of /tmp and of its home, each, in memory'),
  uid: z.number().int().min(1).max(4_294_967_294).optional().describe('Its account where this service is root'),
});
export type SandboxConfig = z.output<typeof SandboxConfig>;
export const DEFAULT_SANDBOX: SandboxConfig = SandboxConfig.parse({});
