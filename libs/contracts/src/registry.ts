import { listAgents } from './agents.ts';
import { listRuns, queryAudit } from './audit.ts';
import { getBudget } from './budgets.ts';
import { listDeadLetters, requeueDeadLetter } from './dead-letters.ts';
import type { RequestContract } from './define.ts';
import { getEffect, listEffects, settleEffect } from './effects.ts';
import {
  finishAuthorisation,
  listProviders,
  liveStatus,
  refreshAuthorisation,
  revokeAuthorisation,
  startAuthorisation,
  clientDocument,
} from './provider-auth.ts';
import { cancelRun, decideApproval, getRun, getThread, readRunEvents, startRun, watchRun } from './runs.ts';
import { mcpSession } from './mcp-session.ts';
import { mcpRequest } from './mcp.ts';
import { modelTurn } from './model.ts';
import { performStep } from './steps.ts';
import { checkToolFile, explainTools, listRegisteredTools, registerTool, removeTool } from './tool-admin.ts';
import { answerQuestion, callTool, listTools, searchTools } from './tools.ts';
import { decideQuarantine, listQuarantine, listUpstreams, lookAtUpstream } from './upstreams.ts';
import { httpBody, httpRequest, xmppAnswer, xmppBody, xmppRequest, xmppStatus } from './xmpp.ts';

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
  performStep.mcp,
  performStep.a2a,
  performStep.computer_use,
  queryAudit,
  listRuns,
  xmppStatus,
  xmppRequest,
  xmppBody,
  xmppAnswer,
  httpRequest,
  httpBody,
];
