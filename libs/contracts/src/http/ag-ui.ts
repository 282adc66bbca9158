import { z } from 'zod';
import { text } from '../base/fields.ts';
import { MAX_QUERY_CHARS, taskText } from './fields.ts';
import { OrchestrateRequest } from './orchestrate.ts';
import { MAX_CLIENT_TOOLS_CHARS, OnDisconnect } from '../steps/run-spec.ts';

/* The AG-UI protocol as clients send it. What they get is made by the dialect of that name in the gateway. */

const MAX_AG_UI_MESSAGES = 5_000;

const peerId = (what: string) => z.string().min(1).max(1_024).describe(what);

/**
 * Body of POST /ag-ui: the official RunAgentInput, with limits of our own on ids and counts. Only what a run is
 * made from is looked at; every other known field must have its type, and unknown fields are ignored.
 */
export const AgUiInput = z.object({
  threadId: peerId('The thread; any text. Elsewhere it is known by its encoded form'),
  runId: peerId('The run, and its idempotency key; any text. Elsewhere it is known by its encoded form'),
  protocolVersion: text(32).optional(),
  parentRunId: text(256).optional(),
  messages: z
    .array(
      z.looseObject({
        id: text(256),
        role: text(32),
        content: z.unknown().optional().describe('Text, or content parts: texts and images; others are refused'),
      }),
    )
    .max(MAX_AG_UI_MESSAGES),
  state: z.unknown().optional().describe('Not used; a run that is given one says so in a `switchyard.notice`'),
  tools: z
    .array(
      z.looseObject({
        name: text(256),
        description: z.string().max(MAX_CLIENT_TOOLS_CHARS).optional(),
        parameters: z.unknown().optional(),
      }),
    )
    .max(1_024)
    .optional()
    .describe('Tools that the client performs: the run pauses with the call and goes on with its tool message'),
  context: z
    .array(z.looseObject({ description: z.string().optional(), value: z.unknown().optional() }))
    .max(1_024)
    .optional()
    .describe('Told to the planner as data'),
  resume: z
    .array(
      z.object({
        interruptId: text(256),
        status: z.enum(['resolved', 'cancelled']),
        payload: z.unknown().optional(),
        metadata: z.unknown().optional(),
      }),
    )
    .max(256)
    .optional()
    .describe('Answers to the interrupts of an earlier run of this thread'),
  forwardedProps: z
    .looseObject({
      tool_constraints: OrchestrateRequest.shape.tool_constraints,
      budget: OrchestrateRequest.shape.budget,
      interactive: OrchestrateRequest.shape.interactive,
      approvals: OrchestrateRequest.shape.approvals,
      on_disconnect: OrchestrateRequest.shape.on_disconnect,
      thread_concurrency: OrchestrateRequest.shape.thread_concurrency,
    })
    .optional()
    .describe(
      'The fields named here mean what they mean in POST /orchestrate; if thread_concurrency is absent, a run whose client has gone is cancelled and any other refuses the new one',
    ),
});
export type AgUiInput = z.infer<typeof AgUiInput>;

export const DEFAULT_USER_MESSAGE = 'What is the weather like in London?';

export const AgUiEventsQuery = z.object({
  user_message: taskText(MAX_QUERY_CHARS).default(DEFAULT_USER_MESSAGE),
  on_disconnect: OnDisconnect.optional(),
});
