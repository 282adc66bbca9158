import { describe, expect, it } from '@jest/globals';
import { eventFolder, FOLDER_NAME, folderNames, logLine, taskHash } from './log-tree.ts';

describe('log tree', () => {
  it('names the folder by the second of acceptance and the first 8 hex digits of the task', () => {
    const acceptedAt = Date.parse('2025-11-29T09:08:33.123Z');
    const [first, second, third] = folderNames({ runId: 'run-1', acceptedAt, task: 'Send an email' });
    expect(first).toBe('2025-11-29T09:08:33_27ae627d');
    expect(second).toBe('2025-11-29T09:08:33.123_27ae627d');
    expect(third).toBe('2025-11-29T09:08:33.123_27ae627d_run-1');
  });

  it('hashes the task with SHA-256 over its UTF-8 bytes', () => {
    expect(taskHash('abc')).toBe('ba7816bf');
  });

  it.each([
    ['orchestrator.task.started', null, 'orchestrator'],
    ['orchestrator.step.completed', 'step-mcp-001', 'orchestrator'],
    ['mcp.task.started', 'step-mcp-001', 'mcp/step-mcp-001'],
    ['mcp.tool.execution', 'step-mcp-001', 'mcp/step-mcp-001'],
    ['mcp.tool.selected', 'step-mcp-001', 'mcp/step-mcp-001/planner'],
    ['a2a.delegation.started', 'step-a2a-002', 'a2a/step-a2a-002'],
    ['computer_use.task.started', 'step-cu-003', 'computer_use/step-cu-003'],
    ['worker.step.started', 'step-cu-003', 'computer_use/step-cu-003/worker'],
    ['code_agent.session.started', 'step-cu-003', 'computer_use/step-cu-003/code_agent'],
    ['grounding.generate_coords.started', 'step-cu-003', 'computer_use/step-cu-003/grounding'],
  ] as const)('puts %s of %s under %s', (type, stepId, folder) => {
    expect(eventFolder({ type, stepId })).toBe(folder);
  });

  it('writes the four documented fields, and nothing else, on a line', () => {
    const line = logLine({ type: 'orchestrator.task.started', stepId: null, ts: 0 }, { task: 'x' });
    expect(line).toEqual({
      timestamp: '1970-01-01T00:00:00.000Z',
      event: 'task.started',
      step_id: 'orch-main',
      data: { task: 'x' },
    });
  });

  it.each([
    ['orchestrator.planning.started', null, 'planning.started'],
    ['mcp.tool.execution', 'step-mcp-001', 'tool.execution'],
    ['mcp.tool.selected', 'step-mcp-001', 'tool.selected'],
    ['a2a.delegation.started', 'step-a2a-002', 'delegation.started'],
    ['computer_use.task.started', 'step-cu-003', 'task.started'],
    ['worker.step.started', 'step-cu-003', 'step.started'],
    ['grounding.code_agent.started', 'step-cu-003', 'code_agent.started'],
  ] as const)('calls %s on its line what the folder does not say already', (type, stepId, event) => {
    expect(logLine({ type, stepId, ts: 0 }, {}).event).toBe(event);
  });

  it('knows the folder of a run by its name, and nothing else', () => {
    const names = folderNames({ runId: 't-abc-own_1', acceptedAt: 1_700_000_000_123, task: 'x' });
    for (const name of names) expect(name).toMatch(FOLDER_NAME);
    for (const name of ['notes', '..', '2023-11-14', `${names[0]}.bak`, `.pruned-${names[0]}`, `${names[2]}/..`])
      expect(name).not.toMatch(FOLDER_NAME);
  });
});
