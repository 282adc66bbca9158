import type { z } from 'zod';
import { AuditRecord } from '../../runs/audit.ts';
import { BudgetAmounts, BudgetScope } from '../../runs/budgets.ts';
import { EffectState } from '../../tools/effects.ts';
import * as a2a from '../a2a.ts';
import { AgUiInput } from '../ag-ui.ts';
import { OrchestrateAnswer, OrchestrateRequest, WaitingAnswer } from '../orchestrate.ts';
import * as records from '../records.ts';
import * as runs from '../runs.ts';
import * as system from '../system.ts';
import { HttpCall, HttpToolAuth, HttpToolDefinition } from '../../tools/http-tool.ts';
import * as tools from '../tools.ts';
import { InputRequired, McpError } from '../../protocols/mcp.ts';
import { Role } from '../../base/principal.ts';
import * as providers from '../../tools/provider-auth.ts';
import { ApprovalPolicy, CompletionReason, RunStatus, ThreadConcurrency } from '../../steps/run-spec.ts';
import { OpenApproval, RunPhase, StepSummary } from '../../runs/runs.ts';
import { McpToolResult, Provenance, StepResult } from '../../steps/steps.ts';
import { ToolFileProblem, ToolVerdict } from '../../tools/tool-admin.ts';
import { JsonSchema, ToolInfo, ToolSource } from '../../tools/tools.ts';
import * as upstreams from '../../protocols/upstreams.ts';
import { FinishReason, Usage } from '../../base/usage.ts';

const asked = OrchestrateRequest.shape;

/**
 * The names under which the OpenAPI document has schemas. Types of generated clients have these names, so one that was
 * published is not given up. What is not here is written out where it is used.
 */
export const HTTP_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  Problem: system.Problem,
  ErrorCode: system.Problem.shape.code,

  OrchestrateRequest,
  OrchestrateWorker: asked.worker.unwrap().unwrap(),
  OrchestrateGrounding: asked.grounding.unwrap().unwrap(),
  OrchestrateController: asked.controller.unwrap().unwrap(),
  OrchestrateTenant: asked.tenant.unwrap().unwrap(),
  ToolConstraints: asked.tool_constraints.unwrap().unwrap(),
  RunBudget: asked.budget.unwrap().unwrap(),
  OrchestrateAnswer,
  WaitingAnswer,
  Run: runs.RunResource,
  RunList: runs.RunList,
  RunSummary: runs.RunList.shape.runs.element,
  RunStarted: runs.RunStarted,
  RunPhase,
  RunStatus,
  CompletionReason,
  FinishReason,
  Usage,
  Step: StepSummary,
  Approval: OpenApproval,
  ApprovalPolicy,
  ApprovalDecision: runs.ApprovalBody,
  ApprovalTaken: runs.ApprovalAnswer,
  ThreadConcurrency,
  CancelRequest: runs.CancelBody,
  CancelTaken: runs.CancelAnswer,
  Budget: records.BudgetAnswer,
  BudgetScope,
  BudgetAmounts,
  DeadLetter: records.DeadLetterList.shape.dead_letters.element,
  DeadLetterList: records.DeadLetterList,
  Requeued: records.Requeued,

  AgUiInput,
  AgUiMessage: AgUiInput.shape.messages.element,
  AgUiTool: AgUiInput.shape.tools.unwrap().element,
  AgUiContext: AgUiInput.shape.context.unwrap().element,
  AgUiResume: AgUiInput.shape.resume.unwrap().element,
  AgUiForwardedProps: AgUiInput.shape.forwardedProps.unwrap(),
  AgentCapabilities: system.AgentCapabilities,

  Tool: tools.ToolResource,
  ToolList: tools.ToolList,
  ToolSource,
  ToolCall: tools.ToolCallBody,
  ToolCallAnswer: tools.ToolCallAnswer,
  ToolRules: tools.ToolRules,
  ToolVerdict,
  ToolRegistered: tools.ToolRegistered,
  RegisteredTools: tools.RegisteredTools,
  RegisteredTool: tools.RegisteredTools.shape.tools.element,
  ToolFile: tools.ToolFileBody,
  ToolFileChecked: tools.ToolFileChecked,
  ToolFileProblem,
  ToolOfFile: tools.ToolFileChecked.shape.tools.element,
  HttpToolAuth,
  HttpToolDefinition,
  HttpCall,
  JsonSchema,
  Role,
  Provenance,

  QuarantineList: upstreams.QuarantineList,
  QuarantinedTool: upstreams.QuarantineList.shape.tools.element,
  QuarantineDecision: upstreams.QuarantineDecision,
  QuarantineDecided: upstreams.QuarantineDecided,
  UpstreamList: upstreams.UpstreamList,
  Upstream: upstreams.UpstreamList.shape.upstreams.element,
  UpstreamAuthorisation: upstreams.UpstreamAuthorisation,
  UpstreamConfinement: upstreams.UpstreamConfinement,
  UpstreamLookRequest: upstreams.UpstreamLookBody,
  UpstreamLook: upstreams.UpstreamLook,

  Effect: records.EffectResource,
  EffectList: records.EffectList,
  EffectState,
  EffectSettled: records.EffectResource.shape.settled.unwrap(),
  EffectSettlement: records.EffectSettleBody,
  StepResult,
  StepSucceeded: StepResult.options[0],
  StepFailed: StepResult.options[1],
  StepInDoubt: StepResult.options[2],
  McpToolResult,
  McpError,
  InputRequired,
  McpMessage: system.McpMessage,

  A2aRpc: a2a.A2aRpc,
  A2aCard: a2a.A2aCard,
  A2aKeys: a2a.A2aKeys,
  A2aSendRequest: a2a.A2aSendRequest,
  A2aSendConfiguration: a2a.A2aSendConfiguration,
  A2aSendAnswer: a2a.A2aSendAnswer,
  A2aTask: a2a.A2aTask,
  A2aTaskState: a2a.TaskStateName,
  A2aTaskList: a2a.A2aTaskList,
  A2aStatus: a2a.A2aStatus,
  A2aMessage: a2a.A2aMessage,
  A2aPart: a2a.A2aPart,
  A2aArtifact: a2a.A2aArtifact,

  Provider: providers.ProviderView,
  ProviderList: providers.ProviderList,
  ProviderStatus: providers.ProviderStatusName,
  LiveStatus: providers.LiveStatus,
  AvailableTools: providers.AvailableTools,
  AvailableTool: ToolInfo,
  AuthStart: providers.AuthStartBody,
  AuthStarted: providers.AuthStarted,
  AuthConnected: providers.AuthConnected,
  Revocation: providers.Revocation,
  ClientDocument: providers.ClientDocument,
  ProtectedResource: system.ProtectedResource,

  AuditRecord,
  AuditPage: records.AuditPage,
  Config: system.ConfigAnswer,
  ConfigController: system.ConfigAnswer.shape.controller,
  ConfigWorker: system.ConfigAnswer.shape.worker,
  ConfigGrounding: system.ConfigAnswer.shape.grounding,
  Health: system.Health,
  Readiness: system.Readiness,
  ReadinessCheck: system.Readiness.shape.checks.valueType,
  MetricsDebug: system.MetricsDebug,
  MetricsLatencies: system.MetricsDebug.shape.latencies,
  MetricsRoute: system.MetricsDebug.shape.routes.valueType,
  OpenApi: system.OpenApi,
};
