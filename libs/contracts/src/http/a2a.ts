import { z } from 'zod';
import { text } from '../base/fields.ts';

/*
 * The A2A protocol 1.0 as JSON (JSON-RPC and HTTP+JSON). Only what a run is made from is looked at; unknown fields are
 * ignored, as the protocol wants. https://a2a-protocol.org/v1.0.0/specification/
 */

export const A2A_MAX_PARTS = 32;
export const A2A_MAX_ID_CHARS = 1_024;
const MAX_PAGE = 100;
const MAX_TEXT_CHARS = 200_000;

const Metadata = z.record(z.string(), z.unknown()).optional();

/** One of `text`, `data`, `raw` (base64) and `url`. */
export const A2aPart = z.looseObject({
  text: z.string().optional(),
  data: z.unknown().optional(),
  raw: z.string().optional().describe('base64'),
  url: text(4_096).optional(),
  filename: text(256).optional(),
  mediaType: text(256).optional(),
  metadata: Metadata,
});
export type A2aPart = z.infer<typeof A2aPart>;

export const A2aMessage = z.looseObject({
  messageId: z.string().min(1).max(A2A_MAX_ID_CHARS).describe('The idempotency key of the message for its user'),
  role: z.enum(['ROLE_USER', 'ROLE_AGENT']),
  parts: z.array(A2aPart).min(1).max(A2A_MAX_PARTS),
  taskId: text(A2A_MAX_ID_CHARS).optional().describe('The waiting task that the message answers'),
  contextId: text(A2A_MAX_ID_CHARS).optional().describe('The conversation: 1 to 64 letters, digits, "-" and "_"'),
  metadata: Metadata,
});
export type A2aMessage = z.infer<typeof A2aMessage>;

export const TASK_STATES = [
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_AUTH_REQUIRED',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
] as const;
export const TaskStateName = z.enum(TASK_STATES);
export type TaskStateName = z.infer<typeof TaskStateName>;

export const A2aStatus = z.object({
  state: TaskStateName,
  message: A2aMessage.optional(),
  timestamp: z.string().describe('ISO 8601'),
});
export type A2aStatus = z.infer<typeof A2aStatus>;

export const A2aArtifact = z.object({
  artifactId: z.string(),
  name: z.string(),
  parts: z.array(A2aPart),
  metadata: Metadata,
});
export type A2aArtifact = z.infer<typeof A2aArtifact>;

/** A run, as A2A has it: the task id is the run id, the context its thread. */
export const A2aTask = z.object({
  id: z.string(),
  contextId: z.string(),
  status: A2aStatus,
  artifacts: z.array(A2aArtifact).optional(),
  history: z.array(A2aMessage).optional(),
  metadata: Metadata,
});
export type A2aTask = z.infer<typeof A2aTask>;

/** One event of a stream: first the whole task, then what changes. */
export const A2aStreamResponse = z.union([
  z.object({ task: A2aTask }),
  z.object({
    statusUpdate: z.object({ taskId: z.string(), contextId: z.string(), status: A2aStatus, metadata: Metadata }),
  }),
  z.object({
    artifactUpdate: z.object({
      taskId: z.string(),
      contextId: z.string(),
      artifact: A2aArtifact,
      append: z.boolean(),
      lastChunk: z.boolean(),
      metadata: Metadata,
    }),
  }),
]);
export type A2aStreamResponse = z.infer<typeof A2aStreamResponse>;

export const A2aSendConfiguration = z.looseObject({
  acceptedOutputModes: z.array(text(256)).max(64).optional(),
  historyLength: z.number().int().min(0).optional(),
  returnImmediately: z.boolean().optional().describe('Answer with the accepted task instead of waiting for its end'),
});

export const A2aSendRequest = z.looseObject({
  tenant: text(A2A_MAX_ID_CHARS).optional(),
  message: A2aMessage,
  configuration: A2aSendConfiguration.optional(),
  metadata: Metadata,
});

export const A2aSendAnswer = z.object({ task: A2aTask });

const count = z.coerce.number().int().min(0);
const Tenant = text(A2A_MAX_ID_CHARS).optional();

export const A2aTaskParams = z.object({ id: text(A2A_MAX_ID_CHARS) });
export const A2aTaskQuery = z.object({ tenant: Tenant, historyLength: count.optional() });
/** Parameters of the operations on one task over JSON-RPC. */
export const A2aTaskRequest = z.looseObject({
  id: z.string().min(1).max(A2A_MAX_ID_CHARS),
  tenant: Tenant,
  historyLength: z.number().int().min(0).optional(),
});
export const A2aTenantQuery = z.object({ tenant: Tenant });

export const A2aListQuery = z.object({
  tenant: Tenant,
  contextId: text(A2A_MAX_ID_CHARS).optional(),
  status: text(64).optional(),
  pageSize: z.coerce.number().int().min(1).max(MAX_PAGE).optional(),
  pageToken: text(256).optional(),
  historyLength: count.optional(),
  statusTimestampAfter: text(64).optional(),
  includeArtifacts: z.union([z.boolean(), z.enum(['true', 'false'])]).optional(),
});

export const A2aTaskList = z.object({
  tasks: z.array(A2aTask),
  nextPageToken: z.string(),
  pageSize: z.number().int(),
  totalSize: z.number().int(),
});

/** The agent card; https://a2a-protocol.org/v1.0.0/specification/#441-agentcard */
export const A2aCard = z.looseObject({});
/** RFC 7517. */
export const A2aKeys = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
export const A2aRpc = z.unknown().describe('A JSON-RPC 2.0 request of A2A');

/** What a task may be given as text: as much as any run. */
export const A2A_MAX_TEXT_CHARS = MAX_TEXT_CHARS;
