export { IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_KEY_META } from './idempotency.ts';
export { AgentInfo, listAgents } from './agents.ts';
export { AuditRecord, listRuns, queryAudit, RunSummary } from './audit.ts';
export { BudgetAmounts, BudgetScope, BudgetView, getBudget } from './budgets.ts';
export { ASKING_PAIRS, type BusKey, busKeysFor, busKeysForOperator, operatorKey, parseBusKeys } from './bus-keys.ts';
export { CloudEvent, fromCloudEvent, fromSystemCloudEvent, toCloudEvent, toSystemCloudEvent } from './cloud-events.ts';
export { DeadLetter, listDeadLetters, requeueDeadLetter } from './dead-letters.ts';
export { actorOrThrow, mayAct } from './acting.ts';
export {
  DOCTOR_EXIT,
  DOCTOR_GROUPS,
  DoctorCheck,
  DoctorGroup,
  DoctorReport,
  type Finding,
  found,
  toCheck,
} from './doctor.ts';
export {
  APPS,
  type AppName,
  event,
  type EventContract,
  type InputOf,
  type Issue,
  issueLines,
  issuesIn,
  type OutputOf,
  parseOrThrow,
  request,
  type RequestContract,
  type RequestOf,
} from './define.ts';
export { sha256 } from './digest.ts';
export { safeParse } from './safe-parse.ts';
export { AppError, ERROR_CODES, type ErrorCode, isErrorCode, type PublicError, toPublicError } from './errors.ts';
export {
  EFFECT_STATES,
  EffectSettlement,
  EffectState,
  EffectView,
  getEffect,
  listEffects,
  settleEffect,
} from './effects.ts';
export { fit, fitEvent, MAX_EVENT_DATA_BYTES } from './fit.ts';
export { HttpCall, HttpToolDefinition, ProviderName } from './http-tool.ts';
export {
  encodeId,
  formatCursor,
  formatStepId,
  Id,
  ID_PATTERN,
  idOrThrow,
  parseCursor,
  PublicRunId,
  publicRunId,
  RunId,
  runIdOrThrow,
  runIdsFor,
  scopedRunId,
  ThreadId,
} from './ids.ts';
export { ENGINE_VERSION, ENGINE_VERSIONS, upcast, versionOf } from './journal-version.ts';
export {
  InputRequired,
  MAX_REQUEST_STATE_CHARS,
  MCP_LOG_LEVELS,
  McpCaller,
  McpError,
  McpFrame,
  McpLogLevel,
  McpMethod,
  mcpRequest,
} from './mcp.ts';
export { MAX_SESSION_PIECE_CHARS, mcpSession, McpSessionFrame } from './mcp-session.ts';
export {
  abortSubject,
  allPermissions,
  type Bucket,
  BUCKETS,
  CONSUMERS,
  inboxPrefix,
  LEASES,
  PEER_REQUESTS,
  permissionsOf,
  type Speaker,
  type SpeakerPermissions,
  SYSTEM_PRODUCERS,
  watcherPermissions,
} from './permissions.ts';
export { constantOf, natsPasswordVariable, natsPermissions } from './nats-config.ts';
export { modelTurn, ModelTurnMessage } from './model.ts';
export {
  ACTS_FOR,
  ANONYMOUS,
  mayActFor,
  OPERATOR_USER_PREFIX,
  Principal,
  PrincipalOrNobody,
  Role,
  ROLES,
  roleSuffices,
} from './principal.ts';
export {
  AuthStartBody,
  AuthStartQuery,
  AvailableTools,
  ToolsAvailableQuery,
  ToolsSearchQuery,
  finishAuthorisation,
  listProviders,
  liveStatus,
  LiveStatus,
  ProviderId,
  ProviderView,
  refreshAuthorisation,
  Revocation,
  revokeAuthorisation,
  startAuthorisation,
  clientDocument,
} from './provider-auth.ts';
export { REQUESTS } from './registry.ts';
export {
  type FactOf,
  isProgressType,
  isRunEventType,
  parseFact,
  parseRunEvent,
  RUN_EVENTS,
  type RunEvent,
  RunEventPlace,
  RunEventSchema,
  type RunEventType,
  type RunFact,
  type RunFactDraft,
  TERMINAL_TYPE,
} from './run-events.ts';
export {
  ApprovalPolicy,
  Budget,
  ClientTool,
  CompletionReason,
  Decision,
  HistoryLimits,
  MAX_APPROVAL_SECONDS,
  MAX_CLIENT_TOOLS_CHARS,
  MAX_CONTEXT_CHARS,
  MAX_IMAGES,
  MAX_IMAGES_CHARS,
  graceMsOf,
  OnDisconnect,
  PlannedAct,
  RunSpec,
  RunStatus,
  ThreadConcurrency,
} from './run-spec.ts';
export {
  ApprovalDecision,
  cancelRun,
  MAX_ANSWER_CHARS,
  decideApproval,
  getRun,
  getThread,
  MAX_EVENTS_PAGE,
  OpenApproval,
  readRunEvents,
  WATCH_MS,
  watchRun,
  RunPhase,
  RunView,
  startRun,
  StepSummary,
  ThreadTurn,
} from './runs.ts';
export {
  McpToolResult,
  performStep,
  StepLimits,
  Provenance,
  StepRequest,
  StepResult,
  StepTarget,
  ToolConstraints,
  type WorkerTarget,
} from './steps.ts';
export {
  explainTools,
  checkToolFile,
  listRegisteredTools,
  MAX_TOOL_FILE_CHARS,
  ToolFileProblem,
  RegisteredTool,
  registerTool,
  removeTool,
  ToolVerdict,
} from './tool-admin.ts';
export { LiveDelta, type StreamDefinition, type StreamName, STREAMS, subjects } from './streams.ts';
export {
  OPERATOR_ASKED,
  parseSystemEvent,
  SYSTEM_EVENTS,
  type SystemEvent,
  SystemEventPlace,
  type SystemEventType,
  type SystemFact,
} from './system-events.ts';
export {
  answerQuestion,
  callTool,
  JsonSchema,
  listTools,
  ToolCall,
  ToolInfo,
  ToolSource,
  searchTools,
} from './tools.ts';
export {
  CarriedFrame,
  CarriedResponse,
  httpBody,
  httpRequest,
  MAX_CARRIED_BODY_BYTES,
  xmppAnswer,
  xmppBody,
  xmppRequest,
  XmppStatus,
  xmppStatus,
} from './xmpp.ts';
export { FinishReason, UNFINISHED, Usage } from './usage.ts';
export {
  decideQuarantine,
  listQuarantine,
  listUpstreams,
  lookAtUpstream,
  QuarantineDecided,
  QuarantineDecision,
  QuarantinedTool,
  QuarantineList,
  QuarantineQuery,
  UpstreamList,
  UpstreamAuthorisation,
  UpstreamConfinement,
  UpstreamLook,
  UpstreamLookBody,
  UpstreamStatus,
} from './upstreams.ts';
