import {
  type LiveDelta,
  type PlannedAct,
  RunEventSchema,
  type RunEvent,
  type RunFact,
  RunSpec,
  parseFact,
  type RunFactDraft,
} from '@switchyard/contracts';

/** Journals of whole runs, as the orchestrator writes them. */

const TENANT = 'acme';
export const THREAD = 'thread-1';
const T0 = 1_780_000_000_000;

export function runSpec(task: string): RunSpec {
  return RunSpec.parse({
    task,
    thread_id: THREAD,
    principal: { tenantId: TENANT, userId: 'alice', role: 'user', via: 'dev' },
  });
}

/** Puts facts in their places: seq from 1, one millisecond apart. */
export function journal(runId: string, drafts: readonly RunFactDraft[]): RunEvent[] {
  return drafts.map((draft, index) => {
    const fact = parseFact(draft);
    if (fact === undefined) throw new Error(`not a fact: ${JSON.stringify(draft)}`);
    const data = fact.data as { step_id?: string };
    const event = {
      runId,
      tenantId: TENANT,
      seq: index + 1,
      epoch: 1,
      stepId: data.step_id ?? (STEPLESS.test(fact.type) ? 'step-cu-001' : null),
      ts: T0 + index,
      ...fact,
    } as RunEvent;
    return RunEventSchema.parse(event);
  });
}
const STEPLESS = /^(worker|code_agent|grounding)\./;

const usage = { input_tokens: 100, output_tokens: 20 };
const accepted = (task: string): RunFactDraft[] => [
  { type: 'orchestrator.run.accepted', data: { run: runSpec(task), engine_version: 1 } },
  { type: 'orchestrator.task.started', data: { request_id: 'req-1', task, max_steps: 10, tenant_id: TENANT } },
];
const planning = (number: number): RunFactDraft => ({
  type: 'orchestrator.planning.started',
  data: { step_number: number, last_failed: false },
});

function act(stepId: string, tool: string, args: Record<string, unknown>): PlannedAct {
  return { step_id: stepId, tool_call_id: 'call_1', target: 'mcp', task: `Call ${tool}`, tool, arguments: args };
}

function decided(number: number, acts: PlannedAct[], text = ''): RunFactDraft {
  return {
    type: 'orchestrator.planning.completed',
    data: {
      step_number: number,
      decision_type: 'next_step',
      target: acts[0]!.target,
      task_preview: acts.map((a) => a.task).join('; '),
      decision: { kind: 'act', order: 'parallel', acts },
      text,
      model: 'dev-model',
      usage,
      duration_ms: 5,
    },
  };
}

function dispatching(planned: PlannedAct, attempt = 1): RunFactDraft {
  const { step_id, target, task, tool_call_id, tool, arguments: args, agent } = planned;
  return {
    type: 'orchestrator.step.dispatching',
    data: { step_id, target, task, attempt, tool_call_id, tool, arguments: args, agent },
  };
}

function toolProgress({ step_id, tool, task }: PlannedAct, result: unknown, error?: string): RunFactDraft[] {
  const success = error === undefined;
  const constraints = { mode: 'auto' as const, providers: [], tools: [] };
  return [
    { type: 'mcp.task.started', data: { step_id, task, user_id: 'alice', tool_constraints: constraints } },
    { type: 'mcp.toolbox.generated', data: { step_id, tool_count: 4, providers: ['builtin'], cache_hit: true } },
    { type: 'mcp.tool.selected', data: { step_id, tool: tool!, provider: 'builtin', description: 'A tool' } },
    {
      type: 'mcp.tool.execution',
      data: {
        step_id,
        tool: tool!,
        params: {},
        success,
        result: result ?? null,
        error: error ?? null,
        error_code: success ? null : 'tool_failed',
        duration_ms: 3,
      },
    },
    { type: 'mcp.task.completed', data: { step_id, success, result: result ?? null } },
  ];
}

function completed({ step_id, target }: PlannedAct, result: unknown, error?: string): RunFactDraft {
  return {
    type: 'orchestrator.step.completed',
    data: {
      step_id,
      target,
      status: error === undefined ? 'completed' : 'failed',
      success: error === undefined,
      result: result ?? null,
      error: error ?? null,
      error_code: error === undefined ? null : 'tool_failed',
      duration_ms: 4,
    },
  };
}

export function answer(number: number, text: string, messageId = 'msg-answer'): RunFactDraft[] {
  return [
    {
      type: 'orchestrator.planning.completed',
      data: {
        step_number: number,
        decision_type: 'task_complete',
        task_preview: text,
        decision: { kind: 'answer', text },
        text,
        model: 'dev-model',
        usage,
        duration_ms: 5,
      },
    },
    { type: 'orchestrator.message.completed', data: { message_id: messageId, role: 'assistant', text, final: true } },
  ];
}

export function ended(
  status: 'success' | 'partial' | 'failed' | 'cancelled',
  counts: [total: number, successful: number, failed: number],
  text: string | null,
  error: [string, string] | null = null,
): RunFactDraft {
  const reason = {
    success: counts[0] === 0 ? 'no_steps' : 'ok',
    partial: 'ok',
    failed: 'error',
    cancelled: 'cancelled',
  } as const;
  return {
    type: 'orchestrator.task.completed',
    data: {
      status,
      completion_reason: reason[status],
      answer: text,
      total_steps: counts[0],
      successful_steps: counts[1],
      failed_steps: counts[2],
      usage,
      error: error?.[0] ?? null,
      error_code: error?.[1] ?? null,
    },
  };
}

function cutShort(fact: RunFactDraft): RunFactDraft {
  return { ...fact, data: { ...fact.data, finish_reason: 'length' } } as RunFactDraft;
}

const london = act('step-mcp-001', 'get_weather_tool', { location: 'London' });
const paris = act('step-mcp-002', 'get_weather_tool', { location: 'Paris' });
const broken = act('step-mcp-001', 'calculator_tool', { expression: '1/0' });
const delegated: PlannedAct = {
  step_id: 'step-a2a-001',
  tool_call_id: 'call_9',
  target: 'a2a',
  task: 'Book a table',
  agent: 'booker',
};
const onScreen: PlannedAct = {
  step_id: 'step-cu-001',
  tool_call_id: 'call_3',
  target: 'computer_use',
  task: 'Open the editor',
};

const approval = { question: 'May delete_note be called?', timeout_seconds: 3_600 };
const guarded: PlannedAct = { ...act('step-mcp-001', 'delete_note', { title: 'old' }), approval };
const alsoGuarded: PlannedAct = {
  ...act('step-mcp-002', 'delete_note', { title: 'older' }),
  tool_call_id: 'call_2',
  approval,
};
const asking: PlannedAct = {
  step_id: 'step-user-001',
  tool_call_id: 'call_1',
  target: 'user',
  task: 'Which city?',
  approval: { question: 'Which city?', timeout_seconds: 3_600 },
};

function requested({
  step_id,
  tool_call_id,
  target,
  tool,
  arguments: args,
  approval: asked,
}: PlannedAct): RunFactDraft {
  return {
    type: 'orchestrator.approval.requested',
    data: {
      approval_id: `ask-${step_id}`,
      kind: target === 'user' ? 'question' : 'approval',
      step_id,
      tool_call_id,
      question: asked!.question,
      ...(tool === undefined ? {} : { tool, arguments: args }),
      expires_at: 4_000_000_000_000,
    },
  };
}

function said(
  { step_id }: PlannedAct,
  decision: 'approve' | 'deny' | 'answer' | 'expired',
  more: { text?: string; arguments?: Record<string, unknown> } = {},
): RunFactDraft {
  return {
    type: 'orchestrator.approval.decided',
    data: { approval_id: `ask-${step_id}`, step_id, decision, by: 'alice', ...more },
  };
}

export const SCENARIOS = {
  success: [
    ...accepted('Say hello'),
    planning(1),
    ...answer(1, 'Hello there.'),
    ended('success', [0, 0, 0], 'Hello there.'),
  ],

  cut: [
    ...accepted('Say hello, when you may'),
    planning(1),
    {
      type: 'orchestrator.model.waiting',
      data: { step_number: 1, attempt: 1, wait_ms: 2_000, message: 'The model server asks to wait 2 s.' },
    },
    ...answer(1, 'Hello the'),
    cutShort(ended('success', [0, 0, 0], 'Hello the')),
  ],

  tool: [
    ...accepted('What is the weather like in London?'),
    planning(1),
    decided(1, [london], 'Let me look.'),
    {
      type: 'orchestrator.message.completed',
      data: { message_id: 'msg-remark', role: 'assistant', text: 'Let me look.', final: false },
    },
    dispatching(london),
    ...toolProgress(london, { temperature: 15 }),
    completed(london, { temperature: 15 }),
    planning(2),
    ...answer(2, 'It is 15 °C in London.'),
    ended('success', [1, 1, 0], 'It is 15 °C in London.'),
  ],

  parallel: [
    ...accepted('Weather in London and Paris'),
    planning(1),
    decided(1, [london, { ...paris, tool_call_id: 'call_2' }]),
    dispatching(london),
    dispatching(paris),
    ...interleave(toolProgress(london, 'rain'), toolProgress(paris, null, 'The tool answered with an error.')),
    completed(paris, null, 'The tool answered with an error.'),
    completed(london, 'rain'),
    planning(2),
    ...answer(2, 'Rain in London; Paris is not known.'),
    ended('success', [2, 1, 1], 'Rain in London; Paris is not known.'),
  ],

  failure: [
    ...accepted('Divide one by zero'),
    planning(1),
    decided(1, [broken]),
    dispatching(broken),
    ...toolProgress(broken, null, 'Division by zero.'),
    completed(broken, null, 'Division by zero.'),
    planning(2),
    {
      type: 'orchestrator.planning.completed',
      data: {
        step_number: 2,
        decision_type: 'failed',
        task_preview: 'The language model does not answer.',
        decision: { kind: 'fail', code: 'model_unavailable', message: 'The language model does not answer.' },
        model: 'dev-model',
        usage,
        duration_ms: 5,
      },
    },
    ended('failed', [1, 0, 1], null, ['The language model does not answer.', 'model_unavailable']),
  ],

  cancel: [
    ...accepted('Wait for long'),
    planning(1),
    decided(1, [london, { ...paris, tool_call_id: 'call_2' }]),
    dispatching(london),
    dispatching(paris),
    toolProgress(london, null)[0]!,
    { type: 'orchestrator.cancel.requested', data: { by: 'alice', reason: 'asked by the caller' } },
    ended('cancelled', [2, 0, 0], null, ['The run was cancelled.', 'cancelled']),
  ],

  'a2a-retried': [
    ...accepted('Book a table'),
    planning(1),
    decided(1, [delegated]),
    dispatching(delegated),
    { type: 'a2a.delegation.started', data: { step_id: 'step-a2a-001', agent: 'booker', task: 'Book a table' } },
    dispatching(delegated, 2),
    { type: 'a2a.delegation.started', data: { step_id: 'step-a2a-001', agent: 'booker', task: 'Book a table' } },
    { type: 'a2a.delegation.completed', data: { step_id: 'step-a2a-001', agent: 'booker', result: 'Booked for 8.' } },
    completed(delegated, 'Booked for 8.'),
    planning(2),
    ...answer(2, 'Booked for 8.'),
    ended('success', [1, 1, 0], 'Booked for 8.'),
  ],

  'computer-use': [
    ...accepted('Open the editor'),
    planning(1),
    decided(1, [onScreen]),
    dispatching(onScreen),
    {
      type: 'computer_use.task.started',
      data: { step_id: 'step-cu-001', task: 'Open the editor', controller: { host: 'localhost', port: 5900 } },
    },
    { type: 'worker.step.started', data: { step: 1, turn_count: 0, max_steps: 10 } },
    { type: 'worker.reflection.started', data: { step: 1, has_prior_reflection: false } },
    { type: 'code_agent.session.started', data: { task: 'Find the menu', budget: 5 } },
    { type: 'code_agent.step.started', data: { step: 1, budget_remaining: 4 } },
    { type: 'grounding.generate_coords.started', data: { ref_expr: 'the menu' } },
    { type: 'grounding.generate_coords.completed', data: { ref_expr: 'the menu', coords: [10, 20], method: 'model' } },
    { type: 'code_agent.session.completed', data: { completion_reason: 'DONE', steps_executed: 1, summary: 'found' } },
    { type: 'worker.step.completed', data: { step: 1, plan: 'click', has_reflection: true, action_type: 'click' } },
    { type: 'worker.step.started', data: { step: 2, turn_count: 1, max_steps: 10 } },
    { type: 'computer_use.task.completed', data: { step_id: 'step-cu-001', success: true, result: 'open' } },
    completed(onScreen, 'open'),
    planning(2),
    ...answer(2, 'The editor is open.'),
    ended('success', [1, 1, 0], 'The editor is open.'),
  ],

  guardrail: [
    ...accepted('Say the forbidden word'),
    planning(1),
    {
      type: 'orchestrator.guardrail.violated',
      data: { where: 'output', rule: 'keyword', message: 'The answer was withheld by a guardrail.' },
    },
    ended('failed', [0, 0, 0], null, ['The answer was withheld by a guardrail.', 'guardrail_blocked']),
  ],

  'over-budget': [
    ...accepted('Think for long'),
    planning(1),
    decided(1, [london]),
    dispatching(london),
    completed(london, 'rain'),
    { type: 'orchestrator.budget.exceeded', data: { kind: 'tokens', limit: 100, used: 120 } },
    ended('partial', [1, 1, 0], 'Rain, it seems.'),
  ],

  approval: [
    ...accepted('Delete the old note'),
    planning(1),
    decided(1, [guarded]),
    requested(guarded),
    said(guarded, 'approve', { arguments: { title: 'very old' } }),
    dispatching({ ...guarded, arguments: { title: 'very old' } }),
    ...toolProgress(guarded, 'deleted'),
    completed(guarded, 'deleted'),
    planning(2),
    ...answer(2, 'It is gone.'),
    ended('success', [1, 1, 0], 'It is gone.'),
  ],

  // One call needs nobody, two are asked about; the questions are answered one after the other.
  approvals: [
    ...accepted('Weather, and delete two notes'),
    planning(1),
    decided(1, [{ ...london, step_id: 'step-mcp-003', tool_call_id: 'call_3' }, guarded, alsoGuarded]),
    requested(guarded),
    requested(alsoGuarded),
    dispatching({ ...london, step_id: 'step-mcp-003', tool_call_id: 'call_3' }),
    completed({ ...london, step_id: 'step-mcp-003' }, 'rain'),
    said(guarded, 'approve'),
    dispatching(guarded),
    completed(guarded, 'deleted'),
    said(alsoGuarded, 'deny'),
    dispatching(alsoGuarded),
    completed(alsoGuarded, null, 'A person did not allow this call.'),
    planning(2),
    ...answer(2, 'Rain; one note is gone.'),
    ended('success', [3, 2, 1], 'Rain; one note is gone.'),
  ],

  question: [
    ...accepted('What is the weather like?'),
    planning(1),
    decided(1, [asking]),
    requested(asking),
    said(asking, 'answer', { text: 'Paris' }),
    dispatching(asking),
    completed(asking, 'Paris'),
    planning(2),
    ...answer(2, 'It rains in Paris.'),
    ended('success', [1, 1, 0], 'It rains in Paris.'),
  ],

  'cancelled-while-asked': [
    ...accepted('Delete the old note'),
    planning(1),
    decided(1, [guarded]),
    requested(guarded),
    { type: 'orchestrator.cancel.requested', data: { by: 'alice', reason: 'asked by the caller' } },
    ended('cancelled', [0, 0, 0], null, ['The run was cancelled.', 'cancelled']),
  ],

  'cancelled-at-once': [
    accepted('Nothing')[0]!,
    { type: 'orchestrator.cancel.requested', data: { by: 'alice', reason: 'asked by the caller' } },
    ended('cancelled', [0, 0, 0], null, ['The run was cancelled.', 'cancelled']),
  ],
} as const satisfies Record<string, readonly RunFactDraft[]>;

export type Scenario = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as Scenario[];

export function scenario(name: Scenario, runId = 'run-1'): RunEvent[] {
  return journal(runId, SCENARIOS[name]);
}

/** The text of a message in pieces of `size` characters, as the model speaks it during a planning. */
export function deltas(runId: string, messageId: string, stepNumber: number, text: string, size = 4): LiveDelta[] {
  const pieces = text.match(new RegExp(`.{1,${size}}`, 'gsu')) ?? [];
  return pieces.map((piece, index) => ({ runId, messageId, index, text: piece, stepNumber }));
}

function interleave(a: RunFactDraft[], b: RunFactDraft[]): RunFactDraft[] {
  return a.flatMap((draft, index) => [draft, b[index]!]);
}

export type { RunFact };
