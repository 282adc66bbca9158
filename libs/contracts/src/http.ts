/*
 * The HTTP interface: what the gateway takes and gives, and its description. A barrel of its own, since the schemas take
 * some 5 MB of memory and no other service speaks HTTP.
 */
export {
  A2A_MAX_ID_CHARS,
  A2A_MAX_PARTS,
  A2A_MAX_TEXT_CHARS,
  type A2aArtifact,
  A2aListQuery,
  A2aMessage,
  type A2aPart,
  A2aSendRequest,
  type A2aStatus,
  type A2aStreamResponse,
  type A2aTask,
  A2aTaskRequest,
  A2aTenantQuery,
  TASK_STATES,
  type TaskStateName,
} from './http/a2a.ts';
export { AgUiEventsQuery, AgUiInput, DEFAULT_USER_MESSAGE } from './http/ag-ui.ts';
export {
  ANSWER_STATUSES,
  OrchestrateAnswer,
  OrchestrateRequest,
  StreamTaskQuery,
  StreamViewQuery,
  WaitingAnswer,
} from './http/orchestrate.ts';
export {
  AuditPage,
  AuditQuery,
  BudgetAnswer,
  DeadLetterList,
  DeadLetterQuery,
  EffectList,
  EffectListQuery,
  EffectParams,
  EffectResource,
  EffectSettleBody,
  Requeued,
} from './http/records.ts';
export {
  ApprovalAnswer,
  ApprovalBody,
  ApprovalParams,
  CancelAnswer,
  CancelBody,
  DialectName,
  DIALECTS,
  RunEventsQuery,
  RunList,
  RunListQuery,
  RunParams,
  RunResource,
  RunStarted,
} from './http/runs.ts';
export { ConfigAnswer, Health, MetricsDebug, Problem, ProtectedResource, Readiness } from './http/system.ts';
export type { HttpRoute } from './http/routes/route.ts';
export { HTTP_ROUTES } from './http/routes/routes.ts';
export {
  RegisteredTools,
  ToolCallAnswer,
  ToolCallBody,
  ToolList,
  ToolListQuery,
  ToolOpenApiQuery,
  ToolParams,
  ToolRegisterBody,
  ToolFileBody,
  ToolFileChecked,
  ToolRegistered,
  ToolRegisterQuery,
  ToolResource,
  ToolRules,
  ToolRulesQuery,
} from './http/tools.ts';
export { buildOpenApi, type OpenApiDocument } from './http/routes/openapi.ts';
export { MAX_OPENAPI_TOOLS, withTools } from './http/routes/openapi-tools.ts';
