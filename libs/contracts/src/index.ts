/* Everything that crosses the border of a process. What requests and runs speak of is whole modules: messages.ts. */

export * from './messages.ts';
export { IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_KEY_META } from './base/idempotency.ts';
export { AGENT_KINDS, AGENT_TARGETS, agentKind, type AgentTarget, reporterOf } from './base/agent-kinds.ts';
export { ASKING_PAIRS, type BusKey, busKeysFor, busKeysForOperator, operatorKey, parseBusKeys } from './bus-keys.ts';
export {
  CloudEvent,
  fromCloudEvent,
  fromSystemCloudEvent,
  toCloudEvent,
  toSystemCloudEvent,
} from './events/cloud-events.ts';
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
export { isRecord } from './base/is-record.ts';
export { safeParse } from './base/safe-parse.ts';
export { AppError, ERROR_CODES, type ErrorCode, isErrorCode, type PublicError, toPublicError } from './base/errors.ts';
export { fit, fitEvent, MAX_EVENT_DATA_BYTES } from './events/fit.ts';
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
export { REQUESTS } from './registry.ts';
export {
  type FactOf,
  isProgressType,
  isRunEventType,
  checkedFact,
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
export { LiveDelta, type StreamDefinition, type StreamLimits, type StreamName, STREAMS, subjects } from './streams.ts';
export {
  OPERATOR_ASKED,
  parseSystemEvent,
  SYSTEM_EVENTS,
  type SystemEvent,
  SystemEventPlace,
  type SystemEventType,
  type SystemFact,
} from './events/system-events.ts';
export { FinishReason, UNFINISHED, Usage } from './base/usage.ts';
