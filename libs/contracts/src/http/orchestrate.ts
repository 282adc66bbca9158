import { z } from 'zod';
import { text } from '../base/fields.ts';
import { EventsView, MAX_QUERY_CHARS, Notices, taskText } from './fields.ts';
import { PublicRunId, ThreadId } from '../base/ids.ts';
import { ApprovalPolicy, Budget, CompletionReason, OnDisconnect, ThreadConcurrency } from '../steps/run-spec.ts';
import { OpenApproval, StepSummary } from '../runs/runs.ts';
import { ToolConstraints } from '../steps/steps.ts';
import { FinishReason } from '../base/usage.ts';

/*
 * POST /orchestrate and its stream: what a client asks for, and what it gets. Field names are the ones that
 * clients have always spoken (snake_case); unknown fields are ignored, so that old and new clients may send more
 * than this version knows. That holds for all bodies and queries of the files http-*.ts; those of a task are named in
 * `notices`.
 */

/** Body of POST /orchestrate, POST /orchestrate/stream and POST /runs. `null` means "not given" throughout. */
export const OrchestrateRequest = z.object({
  task: taskText(200_000),
  worker: z
    .object({
      max_steps: z.number().int().min(1).max(1_000).nullish(),
      enable_reflection: z.boolean().nullish(),
      engine: text(128).nullish().describe('Model to plan with'),
    })
    .nullish(),
  grounding: z.object({ base_url: text(2_000).nullish(), api_key: text(2_000).nullish() }).nullish(),
  controller: z.object({ host: text(255).nullish(), port: z.number().int().min(0).max(65_535).nullish() }).nullish(),
  tool_constraints: z
    .object({
      mode: z.enum(['auto', 'custom']).nullish(),
      providers: ToolConstraints.shape.providers.unwrap().nullish(),
      tools: ToolConstraints.shape.tools.unwrap().nullish(),
      agents: ToolConstraints.shape.agents
        .unwrap()
        .nullish()
        .describe('Ids of agents; `delegate_to_<id>` in `tools` is the same'),
    })
    .nullish()
    .describe('What the run may use; a custom list that names nothing allows nothing, and no agent'),
  budget: z
    .object({
      max_steps: Budget.shape.max_steps.unwrap().nullish(),
      max_iterations: Budget.shape.max_iterations.unwrap().nullish(),
      max_tokens: Budget.shape.max_tokens.unwrap().nullish(),
      max_usd: Budget.shape.max_usd.unwrap().nullish(),
      max_seconds: Budget.shape.max_seconds.unwrap().nullish(),
      on_exceeded: Budget.shape.on_exceeded.unwrap().nullish(),
    })
    .nullish(),
  interactive: z.boolean().nullish().describe('A person is there: the planner may ask, and limits may be raised'),
  approvals: ApprovalPolicy.nullish().describe('Which calls a person must approve, beside those that always need it'),
  on_disconnect: OnDisconnect.nullish(),
  thread_concurrency: ThreadConcurrency.nullish().describe(
    'What becomes of this run while another of the same thread is under way',
  ),
  tenant: z
    .object({ tenant_id: text(256).nullish(), user_id: text(256).nullish() })
    .nullish()
    .describe('Honoured only where the identity does not come from a token'),
  thread_id: ThreadId.nullish().describe('The conversation that this run continues'),
  run_id: PublicRunId.nullish().describe('Made by the client; the same id with the same body attaches'),
});
export type OrchestrateRequest = z.infer<typeof OrchestrateRequest>;

export const ANSWER_STATUSES = ['success', 'partial', 'failed'] as const;

/** Answer of POST /orchestrate, and the `response` event of the stream. A cancelled run is `failed`, `cancelled`. */
export const OrchestrateAnswer = z.object({
  task: z.string(),
  status: z.enum(ANSWER_STATUSES),
  completion_reason: CompletionReason,
  steps: z.array(StepSummary),
  run_id: PublicRunId,
  answer: z.string().nullable(),
  finish_reason: FinishReason.optional().describe('Why the answer is not whole; absent: it is'),
  warning: z.string().optional().describe('The same, for people'),
  notices: Notices,
});
export type OrchestrateAnswer = z.infer<typeof OrchestrateAnswer>;

/** Answer 202 of POST /orchestrate: the run waits for a person, and goes on when the questions are answered. */
export const WaitingAnswer = z.object({
  run_id: PublicRunId,
  status: z.literal('waiting'),
  approvals: z.array(OpenApproval),
  events_url: z.string(),
  notices: Notices,
});
export type WaitingAnswer = z.infer<typeof WaitingAnswer>;

export const StreamViewQuery = z.object({ view: EventsView });

export const StreamTaskQuery = z.object({
  task: taskText(MAX_QUERY_CHARS),
  run_id: PublicRunId.optional(),
  thread_id: ThreadId.optional(),
  on_disconnect: OnDisconnect.optional(),
  view: EventsView,
});
