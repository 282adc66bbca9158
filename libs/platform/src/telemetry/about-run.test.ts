import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { scopedRunId } from '@switchyard/contracts';
import { attributesIn, contextAbout, idsIn, runAttributes } from './about-run.ts';

describe('the ids of a run', () => {
  it('are those that its clients know', () => {
    const runId = scopedRunId('acme', 'order-7');
    expect(runAttributes({ runId, tenantId: 'acme', threadId: 't1', stepId: 's1' })).toEqual({
      'switchyard.run.id': 'order-7',
      'gen_ai.conversation.id': 't1',
      'switchyard.tenant.id': 'acme',
      'switchyard.step.id': 's1',
    });
  });

  it('are never what is no id', () => {
    expect(runAttributes({ runId: 'a b', threadId: 'x'.repeat(81), tenantId: '', stepId: 'ok' })).toEqual({
      'switchyard.step.id': 'ok',
    });
  });

  it('are found where contracts have them, and nowhere in what is no message', () => {
    const principal = { tenantId: 'acme', userId: 'u' };
    expect(idsIn({ principal, runId: 'r', threadId: 't', stepId: 's' })).toEqual({
      runId: 'r',
      threadId: 't',
      stepId: 's',
      tenantId: 'acme',
    });
    expect(idsIn({ runId: 'r', run: { thread_id: 't', principal } })).toMatchObject({
      threadId: 't',
      tenantId: 'acme',
    });
    for (const none of [null, undefined, 'text', 7, [], { run: null, principal: 'x', runId: 7 }])
      expect(Object.values(idsIn(none)).filter((id) => id !== undefined)).toEqual([]);
  });

  it('add up on their way down, and the run keeps its public id', () => {
    const outer = contextAbout({ tenantId: 'acme', threadId: 't' }, ROOT_CONTEXT);
    const inner = contextAbout({ runId: scopedRunId('acme', 'order-7'), stepId: 's' }, outer);
    expect(attributesIn(inner)).toEqual({
      'switchyard.tenant.id': 'acme',
      'gen_ai.conversation.id': 't',
      'switchyard.run.id': 'order-7',
      'switchyard.step.id': 's',
    });
    expect(attributesIn(contextAbout({}, outer))).toEqual(attributesIn(outer));
  });
});
