import { z } from 'zod';
import { defineTool } from '../tool/index.ts';

export const adminDebug = defineTool({
  name: 'admin_debug',
  aliases: ['admin_debug_tool'],
  description: 'Report the state of the tool service: uptime, memory, version of Node. For administrators.',
  provider: 'system',
  kind: 'read',
  idempotency: 'safe',
  requiredRole: 'admin',
  input: z.object({}),
  output: z.object({ uptime_seconds: z.number(), memory_mb: z.number(), node: z.string() }),
  timeoutMs: 1_000,
  run: () => ({
    uptime_seconds: Math.round(process.uptime()),
    memory_mb: Math.round(process.memoryUsage.rss() / 1024 ** 2),
    node: process.version,
  }),
});
