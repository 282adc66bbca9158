export { IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_KEY_META } from './base/idempotency.ts';
export { AGENT_KINDS, AGENT_TARGETS, agentKind, type AgentTarget, reporterOf } from './base/agent-kinds.ts';
export { AgentInfo, describeAgent, listAgents } from './steps/agents.ts';
export { AuditRecord, listRuns, queryAudit, RunSummary } from './runs/audit.ts';
export { BudgetAmounts, BudgetScope, BudgetView, getBudget } from './runs/budgets.ts';
export { ASKING_PAIRS, type BusKey, busKeysFor, busKeysForOperator, operatorKey, parseBusKeys } from './bus-keys.ts';
export {
  CloudEvent,
  fromCloudEvent,
  fromSystemCloudEvent,
  toCloudEvent,
  toSystemCloudEvent,
} from './events/cloud-events.ts';
export { DeadLetter, listDeadLetters, requeueDeadLetter } from './runs/dead-letters.ts';
export { actorOrThrow, mayAct } from './base/acting.ts';
export {
  DOCTOR_EXIT,
  DOCTOR_GROUPS,
  DoctorCheck,
  DoctorGroup,
  DoctorReport,
  type Finding,
  found,
  toCheck,
} from './base/doctor.ts';
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
} from './base/define.ts';
export { sha256 } from './base/digest.ts';
export { safeParse } from './base/safe-parse.ts';
export { AppError, ERROR_CODES, type ErrorCode, isErrorCode, type PublicError, toPublicError } from './base/errors.ts';
export {
  EFFECT_STATES,
  EffectSettlement,
  EffectState,
  EffectView,
  getEffect,
  listEffects,
  settleEffect,
} from './tools/effects.ts';
export { fit, fitEvent, MAX_EVENT_DATA_BYTES } from './events/fit.ts';
export { HttpCall, HttpToolDefinition, ProviderName } from './tools/http-tool.ts';
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
} from './base/ids.ts';
export { ENGINE_VERSION, ENGINE_VERSIONS, upcast, versionOf } from './events/journal-version.ts';
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
} from './protocols/mcp.ts';
export { MAX_SESSION_PIECE_CHARS, mcpSession, McpSessionFrame } from './protocols/mcp-session.ts';
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
export { modelTurn, ModelTurnMessage } from './steps/model.ts';
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
} from './base/principal.ts';
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
} from './tools/provider-auth.ts';
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
  undecided,
} from './events/run-events.ts';
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
} from './steps/run-spec.ts';
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
} from './runs/runs.ts';
export {
  McpToolResult,
  performStep,
  StepLimits,
  Provenance,
  StepRequest,
  StepResult,
  StepTarget,
  ToolConstraints,
} from './steps/steps.ts';
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
} from './tools/tool-admin.ts';
export { LiveDelta, type StreamDefinition, type StreamName, STREAMS, subjects } from './streams.ts';
export {
  OPERATOR_ASKED,
  parseSystemEvent,
  SYSTEM_EVENTS,
  type SystemEvent,
  SystemEventPlace,
  type SystemEventType,
  type SystemFact,
} from './events/system-events.ts';
export {
  answerQuestion,
  callTool,
  JsonSchema,
  listTools,
  ToolCall,
  ToolInfo,
  ToolSource,
  searchTools,
} from './tools/tools.ts';
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
} from './protocols/xmpp.ts';
export { FinishReason, UNFINISHED, Usage } from './base/usage.ts';
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
} from './protocols/upstreams.ts';
