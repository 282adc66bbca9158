import { describe, expect, it } from '@jest/globals';
import type { RunEvent, RunFactDraft } from '@switchyard/contracts';
import type { A2aArtifact, A2aStreamResponse, A2aTask } from '@switchyard/contracts/http';
import { fc } from '@switchyard/testing/property';
import { isTerminal, newTask, taskAfter, type TaskFold, taskOf, taskSpeaking } from '../src/dialects/a2a-task.ts';
import { a2aDialect, responseOf } from '../src/dialects/a2a.ts';
import { createProjection } from '../src/dialects/projection.ts';
import { deltas, ended, journal, scenario, SCENARIO_NAMES, SCENARIOS } from './scenarios.ts';

/* A run as an A2A task, whichever run it is and wherever a client begins to watch it. */

function foldAll(events: readonly RunEvent[]): TaskFold {
  return events.reduce((task, event) => taskAfter(task, event).state, newTask('run-1'));
}

/** What a client makes of a stream, by the rules of the protocol. */
function applied(frames: readonly A2aStreamResponse[]): A2aTask | undefined {
  let task: A2aTask | undefined;
  for (const frame of frames) {
    if ('task' in frame) task = structuredClone(frame.task);
    else if (task === undefined) throw new Error('an update before the task');
    else if ('statusUpdate' in frame) {
      const { status, metadata = {} } = frame.statusUpdate;
      task = { ...task, status, metadata: { ...task.metadata, ...metadata } };
    } else {
      const { artifact, append } = frame.artifactUpdate;
      const known = task.artifacts?.find(({ artifactId }) => artifactId === artifact.artifactId);
      const parts = append ? [...(known?.parts ?? []), ...artifact.parts] : artifact.parts;
      if (append && known === undefined) throw new Error('a piece without its beginning');
      const others = task.artifacts?.filter(({ artifactId }) => artifactId !== artifact.artifactId) ?? [];
      task = { ...task, artifacts: [...others, { ...artifact, parts }] };
    }
  }
  return task;
}

function shown(text: string): A2aStreamResponse[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as A2aStreamResponse);
}

/** What counts of a task: not in how many parts a text arrived, and not what was said before. */
function essence({ id, contextId, status, artifacts = [], metadata }: A2aTask) {
  const contents = (artifact: A2aArtifact) => {
    const { parts, name, artifactId } = artifact;
    return { artifactId, name, text: parts.map((part) => part.text ?? JSON.stringify(part.data)).join('') };
  };
  const byId = artifacts.map(contents).sort((a, b) => a.artifactId.localeCompare(b.artifactId));
  return { id, contextId, status, artifacts: byId, metadata };
}

/** A journal as a client sees it live: texts are spoken in pieces before their message is finished. */
const Watched = fc.record({
  name: fc.constantFrom(...SCENARIO_NAMES),
  begin: fc.nat(40),
  speaks: fc.boolean(),
  loses: fc.nat(30),
});

describe('a run as a task', () => {
  it('is, for who follows it from any point, the task that is read afterwards', () => {
    fc.assert(
      fc.property(Watched, ({ name, begin, speaks, loses }) => {
        const events = scenario(name);
        const after = Math.min(begin, events.length - 1);
        const projection = createProjection(a2aDialect, CONTEXT, { after, snapshot: after > 0 });
        let text = '';
        for (const event of events) {
          if (speaks && event.type === 'orchestrator.message.completed') {
            const { message_id: id, text: words } = event.data;
            for (const [index, delta] of deltas('run-1', id, 1, words).entries())
              if (index !== loses) text += projection.delta(delta);
          }
          text += projection.event(event);
        }
        const frames = shown(text);
        expect(frames.findIndex((frame) => 'task' in frame)).toBe(0);
        expect(frames.filter((frame) => 'task' in frame)).toHaveLength(1);
        expect(essence(applied(frames)!)).toEqual(essence(taskOf(foldAll(events))));
      }),
    );
  });

  it.each(SCENARIO_NAMES)('ends once, and says nothing after that: %s', (name) => {
    const states: string[] = [];
    let task = newTask('run-1');
    for (const event of scenario(name)) {
      const { state, updates } = taskAfter(task, event);
      const ended = isTerminal(task.status);
      for (const update of updates) {
        expect(ended).toBe(false);
        if (update.kind === 'status') states.push(update.status.state);
      }
      task = state;
    }
    expect(isTerminal(task.status)).toBe(true);
    expect(states.slice(0, -1).filter((state) => /COMPLETED|FAILED|CANCELED|REJECTED/.test(state))).toEqual([]);
    // No status is told twice in a row but a new question.
    for (const [index, state] of states.entries())
      if (index > 0 && state !== 'TASK_STATE_INPUT_REQUIRED') expect(state).not.toBe(states[index - 1]);
  });

  it.each([
    ['success', 'TASK_STATE_COMPLETED'],
    ['tool', 'TASK_STATE_COMPLETED'],
    ['cut', 'TASK_STATE_COMPLETED'],
    ['failure', 'TASK_STATE_FAILED'],
    ['cancel', 'TASK_STATE_CANCELED'],
    ['guardrail', 'TASK_STATE_FAILED'],
    ['over-budget', 'TASK_STATE_COMPLETED'],
    ['cancelled-while-asked', 'TASK_STATE_CANCELED'],
  ] as const)('has the state of its run: %s is %s', (name, state) => {
    expect(foldAll(scenario(name)).status.state).toBe(state);
  });

  it('is rejected if it was refused before any work on it, with the reason', () => {
    const refused = journal('run-1', [
      ...SCENARIOS.success.slice(0, 2),
      {
        type: 'orchestrator.guardrail.violated',
        data: { where: 'task', rule: 'keyword', message: 'The task was refused.' },
      },
      ended('failed', [0, 0, 0], null, ['The task was refused.', 'guardrail_blocked']),
    ]);
    const { status, metadata } = foldAll(refused);
    expect(status).toMatchObject({
      state: 'TASK_STATE_REJECTED',
      message: { parts: [{ text: 'The task was refused.' }] },
    });
    expect(metadata).toMatchObject({ error_code: 'guardrail_blocked' });
  });

  it('asks for input while it waits for a person, with the question as text and as data', () => {
    const events = scenario('question');
    const asked = events.findIndex(({ type }) => type === 'orchestrator.approval.requested');
    const { status } = foldAll(events.slice(0, asked + 1));
    expect(status.state).toBe('TASK_STATE_INPUT_REQUIRED');
    expect(status.message?.parts).toMatchObject([
      { text: expect.stringMatching(/\?$/) as unknown },
      { data: { type: 'switchyard.question', kind: 'question', approval_id: 'ask-step-user-001' } },
    ]);
    expect(foldAll(events.slice(0, asked + 2)).status.state).toBe('TASK_STATE_WORKING');
  });

  it('asks for a login while the run asks about one, with the link, and for no more than that', () => {
    const link = 'Calendar is not authorised. Open https://switchyard.example/api/mcp/auth';
    const failing: readonly RunFactDraft[] = SCENARIOS.failure;
    const at = failing.findIndex((draft) => draft.type === 'orchestrator.step.completed' && !draft.data.success);
    const refused = failing.slice(0, at + 1).map((draft): RunFactDraft => {
      if (draft.type !== 'orchestrator.step.completed') return draft;
      return { ...draft, data: { ...draft.data, error: link, error_code: 'provider_not_connected' } };
    });
    const events = journal('run-1', [...refused, ...SCENARIOS.question.slice(2)]);
    const asked = events.findIndex(({ type }) => type === 'orchestrator.approval.requested');
    const { status } = foldAll(events.slice(0, asked + 1));
    expect(status.state).toBe('TASK_STATE_AUTH_REQUIRED');
    expect(status.message?.parts[0]).toMatchObject({ text: link });
    expect(foldAll(events.slice(0, asked + 2)).status.state).toBe('TASK_STATE_WORKING');
    // A login grants nothing else: the next question is one of its own.
    const text = JSON.stringify(SCENARIOS.approval.slice(2)).replaceAll('step-mcp-001', 'step-mcp-009');
    const approval = JSON.parse(text) as RunFactDraft[];
    const more = journal('run-1', [...refused, ...SCENARIOS.question.slice(2, -4), ...approval]);
    const guarded = more.findLastIndex(({ type }) => type === 'orchestrator.approval.requested');
    expect(foldAll(more.slice(0, guarded + 1)).status.state).toBe('TASK_STATE_INPUT_REQUIRED');
  });

  it('has the result of each step as data, and the answer as text', () => {
    const { artifacts } = foldAll(scenario('tool'));
    expect(artifacts.at(-1)).toMatchObject({ name: 'answer', parts: [{ mediaType: 'text/plain' }] });
    expect(artifacts.length).toBeGreaterThan(1);
  });

  it('shows no part of a text whose beginning was missed', () => {
    const [first, second] = deltas('run-1', 'msg-1', 1, 'hello you');
    const task = foldAll(scenario('success').slice(0, 3));
    expect(taskSpeaking(task, second!).updates).toEqual([]);
    const spoken = taskSpeaking(task, first!);
    expect(responseOf(spoken.state, spoken.updates[0]!)).toMatchObject({
      artifactUpdate: { append: false, lastChunk: false },
    });
    expect(taskSpeaking(spoken.state, second!).updates).toMatchObject([{ append: true }]);
  });

  it('gives as much history as was asked for', () => {
    const task = foldAll(scenario('question'));
    expect(task.history.map(({ role }) => role)).toEqual(['ROLE_USER', 'ROLE_AGENT', 'ROLE_USER']);
    expect(taskOf(task, 0)).not.toHaveProperty('history');
    expect(taskOf(task, 1).history).toHaveLength(1);
    expect(taskOf(task, 10).history).toHaveLength(3);
  });
});

const CONTEXT = { runId: 'run-1', threadId: '', view: 'default', profile: '1.0' } as const;
