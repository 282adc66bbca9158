import { describe, expect, it } from '@jest/globals';
import { WORKER_FACTS } from '../events/run-facts-worker.ts';
import { permissionsOf } from '../permissions.ts';
import { REQUESTS } from '../registry.ts';
import { AgentInfo, describeAgent } from '../steps/agents.ts';
import { modelTurn } from '../steps/model.ts';
import { AGENT_TARGETS, agentKind, reporterOf } from './agent-kinds.ts';
import { APPS } from './define.ts';
import { formatStepId, Id } from './ids.ts';

const kinds = AGENT_TARGETS.map(agentKind);

describe('the kinds of agent', () => {
  it('have each a target that may be a subject token, a name of an agent, and a folder', () => {
    for (const target of AGENT_TARGETS) {
      expect(AgentInfo.shape.id.safeParse(target).success).toBe(true);
      expect(Id.safeParse(formatStepId(target, 1)).success).toBe(true);
    }
  });

  it('never share a token, an app, or the first word of a fact', () => {
    for (const values of [
      [...kinds.map(({ token }) => token), 'ask'],
      kinds.map(({ app }) => app),
      [...kinds.flatMap(({ progress }) => progress), 'orchestrator'],
    ])
      expect(new Set(values).size).toBe(values.length);
  });

  it('report among them every fact of a worker', () => {
    for (const { type } of WORKER_FACTS) expect(reporterOf(type)).toBeDefined();
    expect(reporterOf('orchestrator.task.started')).toBeUndefined();
    expect(reporterOf('grounding.code_agent.started')).toEqual({ target: 'computer_use', inner: 'grounding' });
  });

  it('are services where they have a login, and may answer their steps there and nobody else may', () => {
    for (const { app, login } of kinds) expect(APPS.some((known) => known === app)).toBe(login);
    for (const target of AGENT_TARGETS) {
      const subject = `rpc.step.${target}`;
      expect(REQUESTS.filter((request) => request.subject === subject)).toHaveLength(1);
      const answering = APPS.filter((app) => permissionsOf(app).subscribe.includes(`${subject} ${app}`));
      expect(answering).toEqual(agentKind(target).login ? [agentKind(target).app] : []);
    }
  });

  it('describe themselves where they are offered as one function, and there alone', () => {
    const offered = AGENT_TARGETS.filter((target) => agentKind(target).offer === 'itself');
    expect(Object.keys(describeAgent)).toEqual(offered);
    expect(modelTurn.askedBy).toContain('mcp-tool');
  });
});
