import { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import {
  AgUiEventsQuery,
  AgUiInput,
  ApprovalAnswer,
  ApprovalBody,
  ApprovalParams,
  AuditPage,
  AuditQuery,
  CancelAnswer,
  CancelBody,
  ConfigAnswer,
  DeadLetterList,
  DeadLetterQuery,
  Health,
  MetricsDebug,
  OrchestrateAnswer,
  OrchestrateRequest,
  Readiness,
  Requeued,
  RunEventsQuery,
  RunList,
  RunListQuery,
  RunParams,
  RunResource,
  RunStarted,
  StreamTaskQuery,
  StreamViewQuery,
} from './http.ts';

/** One HTTP route as data. The server's routes and the OpenAPI document are checked against this table. */
export interface HttpRoute {
  readonly method: 'GET' | 'POST';
  /** OpenAPI form: `/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** `none`: needs no identity; `user`: any proved identity. What a role may see is decided by the answering service. */
  readonly auth: 'none' | 'user';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: readonly string[];
  readonly body?: z.ZodType;
  /** Success answers by status. No schema: no body, or one that is not JSON (`type`). */
  readonly answers: Readonly<
    Record<number, { readonly summary: string; readonly schema?: z.ZodType; readonly type?: string }>
  >;
  readonly errors: readonly ErrorCode[];
}

const SSE = 'text/event-stream';
const START_ERRORS = [
  'invalid_input',
  'invalid_id',
  'conflict',
  'thread_busy',
  'payload_too_large',
  'rate_limited',
  'unavailable',
] as const;
const IDEMPOTENCY = ['Idempotency-Key'] as const;

export const HTTP_ROUTES: readonly HttpRoute[] = [
  {
    method: 'POST',
    path: '/orchestrate',
    summary: 'Run a task and answer when it is done. A client that goes away does not stop the run.',
    auth: 'user',
    headers: IDEMPOTENCY,
    body: OrchestrateRequest,
    answers: { 200: { summary: 'The run has ended.', schema: OrchestrateAnswer } },
    errors: [...START_ERRORS, 'deadline_exceeded'],
  },
  {
    method: 'GET',
    path: '/orchestrate/stream',
    summary:
      'Run a task and stream its events. With Last-Event-ID the earlier run is continued, never a new one started.',
    auth: 'user',
    headers: ['Idempotency-Key', 'Last-Event-ID'],
    query: StreamTaskQuery,
    answers: {
      200: { summary: 'Named server-sent events.', type: SSE },
      204: { summary: 'The run of Last-Event-ID was delivered to its end.' },
    },
    errors: START_ERRORS,
  },
  {
    method: 'POST',
    path: '/orchestrate/stream',
    summary: 'Run a task and stream its events.',
    auth: 'user',
    headers: ['Idempotency-Key', 'Last-Event-ID'],
    query: StreamViewQuery,
    body: OrchestrateRequest,
    answers: {
      200: { summary: 'Named server-sent events.', type: SSE },
      204: { summary: 'The run of Last-Event-ID was delivered to its end.' },
    },
    errors: START_ERRORS,
  },
  {
    method: 'GET',
    path: '/config',
    summary: 'Defaults of this deployment; never a secret.',
    auth: 'user',
    answers: { 200: { summary: 'Defaults.', schema: ConfigAnswer } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/ag-ui/events',
    summary: 'One turn of a conversation, as {event_type, data, message} events. X-Session-ID names the conversation.',
    auth: 'user',
    headers: ['X-Session-ID', 'Last-Event-ID'],
    query: AgUiEventsQuery,
    answers: {
      200: { summary: 'Server-sent events.', type: SSE },
      204: { summary: 'The run of Last-Event-ID was delivered to its end.' },
    },
    errors: START_ERRORS,
  },
  {
    method: 'POST',
    path: '/ag-ui',
    summary: 'AG-UI: RunAgentInput in, AG-UI events out. The profile follows protocolVersion.',
    auth: 'user',
    headers: ['Last-Event-ID'],
    body: AgUiInput,
    answers: {
      200: { summary: 'AG-UI events.', type: SSE },
      204: { summary: 'The run of Last-Event-ID was delivered to its end.' },
    },
    errors: START_ERRORS,
  },
  {
    method: 'GET',
    path: '/ag-ui/capabilities',
    summary: 'What this agent can do, in the shape of AG-UI AgentCapabilities.',
    auth: 'user',
    answers: { 200: { summary: 'Capabilities.', schema: z.looseObject({}) } },
    errors: [],
  },
  {
    method: 'POST',
    path: '/runs',
    summary: 'Start a run without streaming.',
    auth: 'user',
    headers: IDEMPOTENCY,
    body: OrchestrateRequest,
    answers: { 202: { summary: 'The run is accepted and will not be lost.', schema: RunStarted } },
    errors: START_ERRORS,
  },
  {
    method: 'GET',
    path: '/runs',
    summary: 'List runs, newest first.',
    auth: 'user',
    query: RunListQuery,
    answers: { 200: { summary: 'One page.', schema: RunList } },
    errors: ['invalid_input', 'rate_limited', 'unavailable'],
  },
  {
    method: 'GET',
    path: '/runs/{id}',
    summary: 'Read one run.',
    auth: 'user',
    params: RunParams,
    answers: { 200: { summary: 'The run.', schema: RunResource } },
    errors: ['invalid_id', 'not_found', 'rate_limited', 'unavailable'],
  },
  {
    method: 'GET',
    path: '/runs/{id}/events',
    summary: 'Attach to a run, live or finished, from the beginning or after a cursor.',
    auth: 'user',
    headers: ['Last-Event-ID'],
    params: RunParams,
    query: RunEventsQuery,
    answers: {
      200: { summary: 'Server-sent events in the chosen dialect.', type: SSE },
      204: { summary: 'The run has ended and was delivered to its end.' },
    },
    errors: ['invalid_id', 'invalid_cursor', 'not_found', 'history_expired', 'rate_limited', 'unavailable'],
  },
  {
    method: 'POST',
    path: '/runs/{id}/cancel',
    summary: 'Ask a run to stop. Idempotent; an ended run stays as it is.',
    auth: 'user',
    params: RunParams,
    body: CancelBody.nullish(),
    answers: { 202: { summary: 'Asked.', schema: CancelAnswer } },
    errors: ['invalid_id', 'not_found', 'rate_limited', 'unavailable'],
  },
  {
    method: 'POST',
    path: '/runs/{id}/approvals/{approvalId}',
    summary: 'Answer a question of a waiting run. The first answer stands; the same one again is accepted again.',
    auth: 'user',
    params: ApprovalParams,
    body: ApprovalBody,
    answers: { 202: { summary: 'Taken.', schema: ApprovalAnswer } },
    errors: [
      'invalid_input',
      'invalid_id',
      'forbidden',
      'not_found',
      'approval_closed',
      'approval_expired',
      'rate_limited',
      'unavailable',
    ],
  },
  {
    method: 'GET',
    path: '/dead-letters',
    summary: 'List the runs of the tenant that were given up, newest first. For admins.',
    auth: 'user',
    query: DeadLetterQuery,
    answers: { 200: { summary: 'One page.', schema: DeadLetterList } },
    errors: ['invalid_input', 'invalid_cursor', 'forbidden', 'rate_limited', 'unavailable'],
  },
  {
    method: 'POST',
    path: '/dead-letters/{id}/requeue',
    summary: 'Start a run that was given up once more, as a new run. Idempotent. For admins.',
    auth: 'user',
    params: RunParams,
    answers: { 202: { summary: 'The new run is accepted.', schema: Requeued } },
    errors: ['forbidden', 'not_found', 'history_expired', ...START_ERRORS],
  },
  {
    method: 'GET',
    path: '/audit',
    summary: 'Search the audit log, newest first. Users see their own runs; admin and auditor all of the tenant.',
    auth: 'user',
    query: AuditQuery,
    answers: { 200: { summary: 'One page.', schema: AuditPage } },
    errors: ['invalid_input', 'forbidden', 'rate_limited', 'unavailable'],
  },
  {
    method: 'GET',
    path: '/health',
    summary: 'The process answers.',
    auth: 'none',
    answers: { 200: { summary: 'Alive.', schema: Health } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/readiness',
    summary: 'Whether requests can be served, with each dependency and what is wrong with it.',
    auth: 'none',
    answers: { 200: { summary: 'Ready.', schema: Readiness }, 503: { summary: 'Not ready.', schema: Readiness } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus.',
    auth: 'none',
    answers: { 200: { summary: 'Text exposition format.', type: 'text/plain' } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/metrics-debug',
    summary: 'Request counts, errors and latencies as small JSON.',
    auth: 'none',
    answers: { 200: { summary: 'Counts since the start.', schema: MetricsDebug } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This interface as an OpenAPI 3.1 document.',
    auth: 'none',
    answers: { 200: { summary: 'OpenAPI 3.1.', schema: z.looseObject({}) } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/docs',
    summary: 'This interface as a page for people.',
    auth: 'none',
    answers: { 200: { summary: 'HTML.', type: 'text/html' } },
    errors: [],
  },
];
