import type { PlannedStep, Shape } from './workload.ts';

/* The script of the development model of a round: what it asks for, by the shapes of the runs. Pure. */

const REPEATABLE = 'may be repeated';

/** True if the task tells that all its calls may be repeated. */
export function mayBeRepeated(task: string): boolean {
  return task.endsWith(REPEATABLE);
}

/** The id under which the product lists the mock agent. */
const AGENT = 'mock_agent';

interface Asked {
  /** As a function call of the model, and as a step of a plan that it submits. */
  readonly call: { readonly name: string; readonly arguments: object };
  readonly step: object;
  /** The answers of the model to the agents that got the step. */
  readonly rules: readonly object[];
}

function asked(step: PlannedStep, label: string): Asked {
  const delegated = (agent: string, task: string, rules: readonly object[]): Asked => ({
    call: { name: `delegate_to_${agent}`, arguments: { task } },
    step: { agent, task },
    rules,
  });
  switch (step.kind) {
    case 'call': {
      const args = { ms: step.ms, label };
      return { call: { name: step.tool, arguments: args }, step: { tool: step.tool, arguments: args }, rules: [] };
    }
    case 'errand': {
      const once = step.calls.some(({ tool }) => tool === 'chaos_once');
      const errand = `errand-${label}`;
      const turns = step.calls.map((call, turn) => ({
        when: { taskIncludes: errand, turn: turn + 1 },
        respond: { toolCalls: [asked(call, `${label}-${turn + 1}`).call] },
      }));
      const end = { when: { taskIncludes: errand }, respond: { text: `Done with ${errand}.` } };
      return delegated('mcp', `${errand}: ${once ? 'is done once' : REPEATABLE}`, [...turns, end]);
    }
    case 'delegation':
      return delegated(AGENT, step.fails ? `fail ${label}` : `slow ${step.ms / 1_000} s ${label}`, []);
  }
}

/** The script of the development model for these shapes. */
export function scriptOf(shapes: readonly Shape[]) {
  return {
    rules: shapes.flatMap(({ name, turns }) => {
      const planned = turns.map(({ how, steps }, turn) => ({
        how,
        all: steps.map((step, index) => asked(step, `${name.replace('shape', 's')}-${turn + 1}-${index + 1}`)),
      }));
      const ofTurns = planned.map(({ how, all }, turn) => {
        const plan = { name: 'submit_plan', arguments: { steps: all.map(({ step }) => step) } };
        return {
          when: { taskIncludes: name, turn: turn + 1 },
          respond: { toolCalls: how === 'sequence' ? [plan] : all.map(({ call }) => call) },
        };
      });
      return [
        ...planned.flatMap(({ all }) => all.flatMap(({ rules }) => rules)),
        ...ofTurns,
        { when: { taskIncludes: name }, respond: { text: `Done with ${name}.` } },
      ];
    }),
  };
}
