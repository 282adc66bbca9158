import { describeAgent, listAgents } from './steps/agents.ts';
import { listRuns, queryAudit } from './runs/audit.ts';
import { getBudget } from './runs/budgets.ts';
import { listDeadLetters, requeueDeadLetter } from './runs/dead-letters.ts';
import type { RequestContract } from './base/define.ts';
import { getEffect, listEffects, settleEffect } from './tools/effects.ts';
import {
  finishAuthorisation,
  listProviders,
  liveStatus,
  refreshAuthorisation,
  revokeAuthorisation,
  startAuthorisation,
  clientDocument,
} from './tools/provider-auth.ts';
import { cancelRun, decideApproval, getRun, getThread, readRunEvents, startRun, watchRun } from './runs/runs.ts';
import { mcpSession } from './protocols/mcp-session.ts';
import { mcpRequest } from './protocols/mcp.ts';
import { modelTurn } from './steps/model.ts';
import { performStep } from './steps/steps.ts';
import { checkToolFile, explainTools, listRegisteredTools, registerTool, removeTool } from './tools/tool-admin.ts';
import { answerQuestion, callTool, listTools, searchTools } from './tools/tools.ts';
import { decideQuarantine, listQuarantine, listUpstreams, lookAtUpstream } from './protocols/upstreams.ts';
import { httpBody, httpRequest, xmppAnswer, xmppBody, xmppRequest, xmppStatus } from './protocols/xmpp.ts';

/** Every request of the system, for the generated documents, the permissions and the tests that try them all. */
export const REQUESTS: readonly RequestContract[] = [
  startRun,
  getRun,
  readRunEvents,
  cancelRun,
  decideApproval,
  watchRun,
  getThread,
  listDeadLetters,
  requeueDeadLetter,
  getBudget,
  modelTurn,
  listTools,
  answerQuestion,
  callTool,
  searchTools,
  explainTools,
  registerTool,
  removeTool,
  listRegisteredTools,
  checkToolFile,
  mcpRequest,
  mcpSession,
  listEffects,
  getEffect,
  settleEffect,
  listProviders,
  clientDocument,
  startAuthorisation,
  finishAuthorisation,
  refreshAuthorisation,
  liveStatus,
  revokeAuthorisation,
  listQuarantine,
  decideQuarantine,
  lookAtUpstream,
  listUpstreams,
  listAgents,
  ...Object.values(performStep),
  ...Object.values(describeAgent),
  queryAudit,
  listRuns,
  xmppStatus,
  xmppRequest,
  xmppBody,
  xmppAnswer,
  httpRequest,
  httpBody,
];
