import { z } from 'zod';
import { request } from '../base/define.ts';
import { Principal } from '../base/principal.ts';

/*
 * A request of an MCP session that came in at a gateway that does not have the session, for the one that has it. The
 * response comes in progress frames, in order: its head, then its body piece by piece.
 */

/** Most characters of one piece of a body. */
export const MAX_SESSION_PIECE_CHARS = 100_000;

export const McpSessionFrame = z.discriminatedUnion('frame', [
  z.object({ frame: z.literal('head'), status: z.number().int(), headers: z.record(z.string(), z.string()) }),
  /** Numbered from 1. */
  z.object({ frame: z.literal('body'), n: z.number().int(), text: z.string().max(MAX_SESSION_PIECE_CHARS) }),
]);
export type McpSessionFrame = z.infer<typeof McpSessionFrame>;

export const mcpSession = request({
  subject: 'rpc.mcp.session.*',
  summary: 'Hand a request of an MCP session to the replica that has the session; the response comes in frames.',
  answeredBy: 'gateway',
  askedBy: ['gateway'],
  input: z.object({
    /** As authenticated by the replica that received the request; the session must be this user's. */
    principal: Principal,
    method: z.enum(['POST', 'GET', 'DELETE']),
    /** Those that the protocol gives a meaning. */
    headers: z.record(z.string().max(64), z.string().max(4_096)),
    body: z.unknown().optional(),
  }),
  output: z.object({ pieces: z.number().int().describe('How many pieces the body had') }),
  timeoutMs: 600_000,
});
