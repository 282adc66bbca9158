import type { RunEvent, RunFact } from '@switchyard/contracts';

const step = { step_id: 'step-mcp-001' };
const usage = { input_tokens: 10, output_tokens: 5 };

/** The journal of a small finished run with one tool call: nine events, 100 ms apart. */
export function oneRun(task = 'What is the weather?', runId = 'run-1', tenantId = 'acme', userId = 'ada'): RunEvent[] {
  const facts: RunFact[] = [
    {
      type: 'orchestrator.run.accepted',
      data: {
        engine_version: 1,
        run: {
          task,
          thread_id: 'thread-1',
          principal: { tenantId, userId, role: 'user', via: 'dev' },
          tool_constraints: { mode: 'auto', providers: [], tools: [] },
          budget: { max_steps: 10, max_iterations: null, max_tokens: null, max_usd: null, max_seconds: null },
          use_orchestrator: true,
          enable_reflection: false,
        },
      },
    },
    {
      type: 'orchestrator.task.started',
      data: { request_id: runId, task, max_steps: 10, tenant_id: tenantId },
    },
    { type: 'orchestrator.planning.started', data: { step_number: 1, last_failed: false } },
    { type: 'mcp.tool.selected', data: { ...step, tool: 'get_weather', provider: 'weather', description: 'Weather' } },
    {
      type: 'orchestrator.step.dispatching',
      data: { ...step, target: 'mcp', task: 'Look it up', attempt: 1, tool_call_id: 'call-1', tool: 'get_weather' },
    },
    {
      type: 'mcp.tool.execution',
      data: {
        ...step,
        tool: 'get_weather',
        params: { city: 'London', api_key: 'sk-do-not-write-me-anywhere-1234567890' },
        success: true,
        result: { text: 'cloudy '.repeat(200) },
        error: null,
        error_code: null,
        duration_ms: 12,
      },
    },
    {
      type: 'orchestrator.step.completed',
      data: {
        ...step,
        target: 'mcp',
        status: 'completed',
        success: true,
        result: 'cloudy',
        error: null,
        error_code: null,
        duration_ms: 20,
      },
    },
    {
      type: 'orchestrator.message.completed',
      data: { message_id: 'm1', role: 'assistant', text: 'It is cloudy.', final: true },
    },
    {
      type: 'orchestrator.task.completed',
      data: {
        status: 'success',
        completion_reason: 'ok',
        answer: 'It is cloudy.',
        total_steps: 1,
        successful_steps: 1,
        failed_steps: 0,
        usage,
        error: null,
        error_code: null,
      },
    },
  ];
  return facts.map((fact, index) => ({
    ...fact,
    runId,
    tenantId,
    seq: index + 1,
    epoch: 1,
    stepId: 'step_id' in fact.data ? (fact.data.step_id ?? null) : null,
    ts: 1_700_000_000_123 + index * 100,
  }));
}
