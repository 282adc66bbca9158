import { z } from 'zod';
import { request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { PrincipalOrNobody, Principal } from '../base/principal.ts';
import { MAX_SCREEN } from './actions.ts';

/* What other services ask the computer-use agent, and how a picture of a screen is spoken of. */

/** The name of a frame: the hash of its picture. Its bytes are in no event and in no request that names it. */
export const FrameRef = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  width: z.number().int().min(1).max(MAX_SCREEN.width),
  height: z.number().int().min(1).max(MAX_SCREEN.height),
});
export type FrameRef = z.infer<typeof FrameRef>;

/** The most turns of one step. */
export const MAX_COMPUTER_TURNS = 200;

/** Bytes of one kept frame. */
export const MAX_FRAME_BYTES = 8_388_608;

/** What a step for the computer-use agent is performed with; what is absent is the deployment's own. */
export const ComputerWish = z.object({
  maxTurns: z.number().int().min(1).max(MAX_COMPUTER_TURNS).optional(),
  reflection: z.boolean().optional(),
  /** A screen of the deployment by its name. */
  backend: Id.optional(),
});
export type ComputerWish = z.infer<typeof ComputerWish>;

export const computerBackends = request({
  subject: 'rpc.computer.backends',
  summary: 'Tell which screens there are, and how many are free.',
  answeredBy: 'computer-use',
  askedBy: ['orchestrator', 'gateway'],
  input: z.object({ principal: PrincipalOrNobody }),
  output: z.object({
    backends: z
      .array(
        z.object({ name: Id, session: z.enum(['sealed', 'open']), free: z.number().int(), total: z.number().int() }),
      )
      .max(20),
    limits: z.object({ max_turns: z.number().int() }),
  }),
  timeoutMs: 2_000,
});

export const computerFrame = request({
  subject: 'rpc.computer.frame',
  summary: 'Read one frame of a run.',
  answeredBy: 'computer-use',
  askedBy: ['gateway'],
  input: z.object({ principal: Principal, runId: RunId, sha256: FrameRef.shape.sha256 }),
  output: FrameRef.extend({ png: z.base64() }),
  timeoutMs: 5_000,
});
