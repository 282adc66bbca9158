// What the golden journals show: each a run that takes another way through the vocabulary. `play` brings the system to
// the point that is to be recorded and answers the id of the run. `processes`: services that can be killed (-9), with the
// tools and the agent of a chaos round.

const call = (name, args = {}) => ({ name, arguments: args });
const calls = (...toolCalls) => ({ when: { turn: 1 }, respond: { toolCalls } });
const thenAnswer = (turn = 2, text = 'Done, as far as it could be.') => ({ when: { turn }, respond: { text } });
const TWO = { orchestrators: 2 };

export const SCENARIOS = [
  {
    name: 'plain-answer',
    shows: 'An answer without any step.',
    play: async (r) => {
      await r.script({ respond: { text: 'Hello to you.' } });
      return r.start('Say hello');
    },
  },
  {
    name: 'two-tools-at-once',
    shows: 'Two tools at the same time, then the answer.',
    play: (r) => r.start('What is the weather in London, and what is 17% of 2340?'),
  },
  {
    name: 'sequence',
    shows: 'A plan of steps in order; the second fails, the third is given up, the model decides anew.',
    play: async (r) => {
      const steps = [
        { tool: 'calculator', arguments: { expression: '1+1' } },
        { tool: 'broken_tool', arguments: {} },
        { tool: 'calculator', arguments: { expression: '2+2' } },
      ];
      await r.script(calls(call('submit_plan', { steps })), thenAnswer());
      return r.start('Do these in order');
    },
  },
  {
    name: 'remark-and-wrong-calls',
    shows: 'A remark beside calls that cannot be performed: no such tool, no such agent, arguments that do not fit.',
    play: async (r) => {
      const wrong = [call('no_such_tool'), call('delegate_to_nobody', { task: 'x' }), call('calculator', { bad: 1 })];
      await r.script({ when: { turn: 1 }, respond: { text: 'Let me see.', toolCalls: wrong } }, thenAnswer());
      return r.start('Call what is not there');
    },
  },
  {
    name: 'no-success',
    shows: 'Every step fails; the answer is partial.',
    play: async (r) => {
      await r.script(calls(call('broken_tool')), thenAnswer(2, 'The tool is broken.'));
      return r.start('Use the broken tool');
    },
  },
  {
    name: 'model-rejects',
    shows: 'The model refuses the request: the run fails.',
    play: async (r) => {
      await r.script({ respond: { status: 400, error: { message: 'no' } } });
      return r.start('Ask the impossible');
    },
  },
  {
    name: 'model-asks-to-wait',
    shows: 'The model server asks to wait a second, then the model answers; its answer is cut at its limit of length.',
    play: async (r) => {
      await r.script(
        { times: 1, respond: { status: 429, headers: { 'retry-after': '1' } } },
        { respond: { text: 'Hello to', finishReason: 'length' } },
      );
      return r.start('Say hello when you may');
    },
  },
  {
    name: 'model-asks-too-much',
    shows: 'The model server asks to wait for an hour: the run fails, and says how long.',
    play: async (r) => {
      await r.script({ respond: { status: 429, headers: { 'retry-after': '3600' } } });
      return r.start('Say hello next year');
    },
  },
  {
    name: 'model-says-nothing',
    shows: 'The model answers nothing, twice.',
    play: async (r) => {
      await r.script({ respond: { emptyAnswer: true } });
      return r.start('Say nothing');
    },
  },
  {
    name: 'delegation',
    shows: 'A task delegated to another agent.',
    play: (r) => r.start('Ask the mock agent to uppercase: hello'),
  },
  {
    name: 'hand-over',
    shows: 'The whole task handed to an agent that nobody answers for: dispatched again, then failed.',
    system: { env: { USE_ORCHESTRATOR_AGENT: 'false', WORKER_ABSENCE_MS: '300' } },
    play: (r) => r.start('Click the button'),
  },
  {
    name: 'guardrail-task',
    shows: 'A task that a guardrail refuses.',
    play: (r) => r.start('Tell me about the forbiddenword'),
  },
  {
    name: 'guardrail-answer',
    shows: 'An answer that a guardrail withholds.',
    play: async (r) => {
      await r.script({ respond: { text: `${'a '.repeat(200)} forbiddenword ${'b '.repeat(200)}` } });
      return r.start('Say something');
    },
  },
  {
    name: 'budget-steps',
    shows: 'More calls than steps are left: the rest fail as an answer, then a last answer without functions.',
    play: async (r) => {
      await r.script(
        calls(call('calculator', { expression: '1+1' }), call('calculator', { expression: '2+2' })),
        thenAnswer(),
      );
      return r.start('Calculate twice', { budget: { max_steps: 1 } });
    },
  },
  {
    name: 'budget-iterations',
    shows: 'The planner was asked often enough; its last answer is empty, so the last text stands.',
    play: async (r) => {
      const again = { text: 'So far so good.', toolCalls: [call('calculator', { expression: '1+1' })] };
      await r.script({ when: { turn: 1 }, respond: again }, { when: { turn: 2 }, respond: { emptyAnswer: true } });
      return r.start('Go on and on', { budget: { max_iterations: 1 } });
    },
  },
  {
    name: 'budget-tokens',
    shows: 'The limit of tokens is reached: the run ends without another answer.',
    play: async (r) => {
      await r.script(calls(call('calculator', { expression: '1+1' })), thenAnswer());
      return r.start('Calculate', { budget: { max_tokens: 1 } });
    },
  },
  {
    name: 'budget-seconds',
    shows: 'The time is up while a step is under way.',
    play: async (r) => {
      await r.script(calls(call('slow_read', { ms: 8_000 })), thenAnswer());
      return r.start('Take your time', { budget: { max_seconds: 1 } });
    },
  },
  {
    name: 'budget-fails',
    shows: 'A limit whose policy is to fail.',
    play: async (r) => {
      await r.script(calls(call('calculator', { expression: '1+1' })), thenAnswer());
      return r.start('Calculate', { budget: { max_steps: 1, on_exceeded: 'fail' } });
    },
  },
  {
    name: 'budget-raised',
    shows: 'A limit that a person raises, twice, then does not.',
    play: async (r) => {
      await r.script({ respond: { toolCalls: [call('calculator', { expression: '1+1' })] } });
      const runId = await r.start('On and on', { budget: { max_iterations: 1, on_exceeded: 'ask' } });
      for (const [count, answer] of [
        { decision: 'approve' },
        { decision: 'approve', arguments: { limit: 3 } },
      ].entries()) {
        const [approvalId] = (await r.questions(runId, count + 1)).slice(-1);
        await r.answer(runId, approvalId, answer);
      }
      const [last] = (await r.questions(runId, 3)).slice(-1);
      await r.script(thenAnswer(4, 'Enough.'), { respond: { text: 'Enough.' } });
      await r.answer(runId, last, { decision: 'deny' });
      return runId;
    },
  },
  {
    name: 'budget-raised-in-steps',
    shows:
      'More calls than steps are left, where a person is asked: those left over wait, go on after a raise, fail without.',
    play: async (r) => {
      const sum = (n) => call('calculator', { expression: `${n}+${n}` });
      await r.script(calls(sum(1), sum(2), sum(3), sum(4)), thenAnswer());
      const runId = await r.start('Add them all', { budget: { max_steps: 1, on_exceeded: 'ask' } });
      const [first] = await r.questions(runId);
      await r.answer(runId, first, { decision: 'approve', arguments: { limit: 3 } });
      const [, second] = await r.questions(runId, 2);
      await r.answer(runId, second, { decision: 'deny' });
      return runId;
    },
  },
  {
    name: 'guardrail-result',
    shows: 'A result that a guardrail withholds: the planner is told, and answers without it.',
    system: { env: { DISALLOWED_KEYWORDS: '4711' } },
    play: async (r) => {
      await r.script(calls(call('calculator', { expression: '4710+1' })), thenAnswer(2, 'It was withheld.'));
      return r.start('Add one');
    },
  },
  {
    name: 'approved',
    shows: 'Two calls wait for approval: one is approved with other arguments, one denied with a word.',
    play: async (r) => {
      await r.script(calls(call('calculator', { expression: '1+1' }), call('slow_write', { ms: 5 })), thenAnswer());
      const runId = await r.start('Do both', {
        approvals: { tools: ['calculator', 'slow_write'], timeout_seconds: 600 },
      });
      const [first, second] = await r.questions(runId, 2);
      await r.answer(runId, first, { decision: 'approve', arguments: { expression: '20+22' } });
      await r.until(runId, 'orchestrator.step.completed');
      await r.answer(runId, second, { decision: 'deny', text: 'Not today.' });
      return runId;
    },
  },
  {
    name: 'approval-expires',
    shows: 'Nobody answers in time.',
    play: async (r) => {
      await r.script(calls(call('slow_write', { ms: 5 })), thenAnswer());
      return r.start('Write it', { approvals: { tools: ['kind:write'], timeout_seconds: 1 } });
    },
  },
  {
    name: 'asks-a-person',
    shows: 'The planner asks the person, beside a step that goes on meanwhile; the answer comes.',
    play: async (r) => {
      await r.script(
        calls(call('ask_user', { question: 'Which colour?' }), call('calculator', { expression: '6*7' })),
        thenAnswer(),
      );
      const runId = await r.start('Paint it', { interactive: true });
      const [approvalId] = await r.questions(runId);
      await r.until(runId, 'orchestrator.step.completed');
      await r.answer(runId, approvalId, { decision: 'answer', text: 'Teal.' });
      return runId;
    },
  },
  {
    name: 'cancel-while-planning',
    shows: 'Cancelled while the model is silent.',
    play: async (r) => {
      await r.script({ respond: { text: 'Too late.', stallMs: 15_000 } });
      const runId = await r.start('Think long');
      await r.until(runId, 'orchestrator.planning.started');
      await r.cancel(runId);
      return runId;
    },
  },
  {
    name: 'cancel-during-step',
    shows: 'Cancelled while a tool is at work.',
    play: async (r) => {
      await r.script(calls(call('slow_read', { ms: 20_000 })), thenAnswer());
      const runId = await r.start('Work long');
      await r.until(runId, 'orchestrator.step.dispatching');
      await r.cancel(runId);
      return runId;
    },
  },
  {
    name: 'cancel-while-waiting',
    shows: 'Cancelled while a person is asked.',
    play: async (r) => {
      await r.script(calls(call('slow_write', { ms: 5 })), thenAnswer());
      const runId = await r.start('Wait for me', { approvals: { tools: ['slow_write'], timeout_seconds: 600 } });
      await r.questions(runId);
      await r.cancel(runId);
      return runId;
    },
  },
  {
    name: 'cancel-at-once',
    shows: 'Cancelled at the same moment as it was started.',
    play: async (r) => {
      await r.script(calls(call('slow_read', { ms: 20_000 })), thenAnswer());
      const runId = await r.start('Never mind');
      await r.cancel(runId);
      return runId;
    },
  },
  {
    name: 'takeover-repeats',
    shows: 'Two owners stop while steps are under way: what only reads goes out again, what writes is in doubt.',
    system: { orchestrators: 3 },
    play: async (r) => {
      await r.script(calls(call('slow_read', { ms: 3_000 }), call('slow_write', { ms: 3_000 })), thenAnswer());
      const runId = await r.start('Read and write');
      await r.until(runId, 'orchestrator.step.dispatching', 2);
      await r.stopOrchestrator(0);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await r.stopOrchestrator(1);
      return runId;
    },
  },
  {
    name: 'takeover-while-planning',
    shows: 'The owner stops while the model speaks: the next asks again.',
    system: TWO,
    play: async (r) => {
      await r.script({ times: 1, respond: { text: 'Never heard.', stallMs: 15_000 } }, { respond: { text: 'Heard.' } });
      const runId = await r.start('Speak');
      await r.until(runId, 'orchestrator.planning.started');
      await r.stopOrchestrator(0);
      return runId;
    },
  },
  {
    name: 'history-full',
    shows: 'A run that goes on until its history is full: progress goes first, then the run ends.',
    system: { env: { MAX_RUN_EVENTS: '100', MAX_ITERATIONS_PER_TURN: '100' } },
    play: async (r) => {
      await r.script({ respond: { text: 'Once more.', toolCalls: [call('calculator', { expression: '1+1' })] } });
      return r.start('On and on', { budget: { max_steps: 100 } });
    },
  },
  {
    name: 'long-task',
    shows: 'A task so long that its first events hold it by reference.',
    play: async (r) => {
      await r.script({ respond: { text: 'That was long.' } });
      return r.start(`Count: ${'one two three four '.repeat(7_000)}`);
    },
  },
  {
    name: 'long-results',
    shows: 'A long result that comes back to the model, and the progress that tells of it.',
    play: async (r) => {
      const save = call('add_note', { name: 'long', body: 'n'.repeat(9_000) });
      await r.script(
        calls(save),
        { when: { turn: 2 }, respond: { toolCalls: [call('get_note', { name: 'long' })] } },
        thenAnswer(3),
      );
      return r.start('Keep a long note');
    },
  },
  {
    name: 'poisoned',
    shows: 'Owner after owner is killed (-9), each before it can write a word: the run is given up with its open step.',
    processes: true,
    play: async (r) => {
      await r.script(calls(call('chaos_keyed', { ms: 1_500, label: 'deadly' })), thenAnswer());
      const runId = await r.start('Do what nobody survives');
      await r.until(runId, 'orchestrator.step.dispatching');
      r.dieAt('orchestrator', 'journal.append-outcome.before');
      r.dieAt('orchestrator', 'journal.append-dispatching.before');
      return runId;
    },
  },
  {
    name: 'poisoned-while-planning',
    shows: 'Owner after owner is killed (-9) while the model speaks: the run is given up with nothing under way.',
    processes: true,
    play: async (r) => {
      const never = [call('chaos_keyed', { ms: 0, label: 'never' })];
      await r.script({ respond: { toolCalls: never, stallMs: 1_000 } });
      const runId = await r.start('Say the deadly word');
      await r.until(runId, 'orchestrator.planning.started');
      r.dieAt('orchestrator', 'journal.append-dispatching.before');
      return runId;
    },
  },
  {
    name: 'errand-worker-lost',
    shows: 'A task in words whose worker is killed (-9) in the second call: dispatched again, and gone on with.',
    processes: true,
    play: async (r) => {
      const runId = await startErrand(r);
      r.kill('mcp-tool');
      return runId;
    },
  },
  {
    name: 'errand-worker-and-owner-lost',
    shows: 'The same with its owner: the next one dispatches the step again, and it is gone on with.',
    processes: true,
    play: async (r) => {
      const runId = await startErrand(r);
      r.kill('orchestrator');
      r.kill('mcp-tool');
      return runId;
    },
  },
  {
    name: 'delegation-owner-lost',
    shows: 'A task at another agent whose owner is killed (-9): what became of it is in doubt, the model decides anew.',
    processes: true,
    play: async (r) => {
      await r.script(calls(call('delegate_to_mock_agent', { task: 'slow 5 s hello' })), thenAnswer());
      const runId = await r.start('Give it to the agent');
      await r.until(runId, 'a2a.delegation.started');
      r.kill('orchestrator');
      return runId;
    },
  },
];

/** A task in words of two calls; resolves when the first is done and the second under way. */
async function startErrand(r) {
  const turn = (n, respond) => ({ when: { taskIncludes: 'errand', turn: n }, respond });
  await r.script(
    turn(1, { toolCalls: [call('chaos_once', { ms: 0, label: 'first' })] }),
    turn(2, { toolCalls: [call('chaos_read', { ms: 4_000, label: 'second' })] }),
    turn(3, { text: 'The errand is done.' }),
    calls(call('delegate_to_mcp', { task: 'errand' })),
    thenAnswer(),
  );
  const runId = await r.start('Hand it over');
  await r.until(runId, 'mcp.tool.selected', 2);
  return runId;
}
