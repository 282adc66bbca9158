import { z } from 'zod';
import { AGENT_TARGETS, agentKind, DEPLOYED_AGENT_APPS } from '../base/agent-kinds.ts';
import { request } from '../base/define.ts';
import { ERROR_CODES, type ErrorCode } from '../base/errors.ts';
import { Id, RunId } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';
import { CallSignature } from './run-spec.ts';
import { Usage } from '../base/usage.ts';
import { FrameRef } from '../computer/computer.ts';

/*
 * The language model, for the worker of an open step that was given as a task in words. The orchestrator alone has the
 * key, the prices, the limits and the guardrails; whoever asks names the run and the step that it asks for.
 */

/** The most frames in one message to the model. */
export const MAX_TURN_FRAMES = 4;

const Call = z.object({
  id: z.string().max(200),
  name: z.string().max(200),
  arguments: z.string().max(200_000),
  signature: CallSignature.optional(),
});

export const ModelTurnMessage = z.discriminatedUnion('role', [
  z.object({
    role: z.enum(['system', 'user']),
    content: z.string(),
    /** Frames of this run, shown after the text; the orchestrator fetches each by its hash. */
    frames: z.array(FrameRef).max(MAX_TURN_FRAMES).optional(),
  }),
  z.object({ role: z.literal('assistant'), content: z.string().nullable(), calls: z.array(Call).max(64).default([]) }),
  z.object({ role: z.literal('tool'), callId: z.string().max(200), content: z.string() }),
]);
export type ModelTurnMessage = z.infer<typeof ModelTurnMessage>;

/** The apps whose agents ask the model of a run. */
const MODEL_USERS = new Set<string>(
  AGENT_TARGETS.map(agentKind).flatMap((kind) => (kind.usesModelOfRun ? kind.app : [])),
);

export const modelTurn = request({
  subject: 'rpc.model.turn',
  summary: 'Ask the language model for the worker of an open step, within the limits of its run.',
  answeredBy: 'orchestrator',
  askedBy: DEPLOYED_AGENT_APPS.filter((app) => MODEL_USERS.has(app)),
  input: z.object({
    principal: Principal,
    runId: RunId,
    stepId: Id,
    /** From 1, within one dispatch of the step. */
    turn: z.number().int().min(1).max(1_000),
    messages: z.array(ModelTurnMessage).min(1).max(500),
    functions: z
      .array(
        z.object({ name: z.string().max(64), description: z.string(), parameters: z.record(z.string(), z.unknown()) }),
      )
      .max(128),
    /** The usage of this step so far; the run is charged for it when the step ends. */
    used: Usage,
  }),
  output: z.object({
    text: z.string(),
    calls: z.array(Call),
    usage: Usage,
    refused: z
      .object({ code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode]), message: z.string() })
      .optional()
      .describe('The call came to nothing, and was paid for all the same: nothing but `usage` is told'),
  }),
  timeoutMs: 120_000,
});
