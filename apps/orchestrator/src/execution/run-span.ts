import { GEN_AI, injectTrace, RUN_STATUS, type SpanOptions, telemetryEnabled, withSpan } from '@switchyard/platform';
import type { RunState } from '@switchyard/run';
import type { LoopEnd } from './owned-run.ts';

/*
 * The span of one stretch of work on a run. The first owner's is part of the trace that the run was accepted in; each
 * later one is a trace of its own, linked to that, and to the request that woke the run.
 */

interface Stretch {
  readonly epoch: number;
  /** The run was accepted here a moment ago: what is active is its acceptance. */
  readonly adopted: boolean;
  /** The trace that it was accepted in, from the journal. */
  readonly acceptedIn: string | undefined;
}

export async function stretchOfWork(
  stretch: Stretch,
  state: RunState,
  work: () => Promise<{ end: LoopEnd; state: RunState }>,
): Promise<LoopEnd> {
  if (!telemetryEnabled()) return (await work()).end;
  const attributes = { [GEN_AI.operation]: 'invoke_workflow', [GEN_AI.workflowName]: 'switchyard' };
  const { runId, tenantId, run } = state;
  const about = { runId, tenantId, threadId: run?.thread_id };
  const options = { ...placeOf(stretch), about };
  return withSpan(
    'workflow',
    'invoke_workflow switchyard',
    attributes,
    async (span) => {
      const done = await work();
      const { terminal } = done.state;
      span.set({ [RUN_STATUS]: done.end === 'ended' && terminal ? terminal.status : done.end });
      if (terminal?.status === 'failed') span.fail(terminal.error_code ?? undefined);
      return done.end;
    },
    options,
  );
}

function placeOf({ epoch, adopted, acceptedIn }: Stretch): SpanOptions {
  if (adopted) return {};
  if (epoch <= 1 && acceptedIn !== undefined) return { parent: { traceparent: acceptedIn } };
  return {
    links: [
      { to: acceptedIn, as: 'accepted' },
      { to: injectTrace().traceparent, as: 'woken' },
    ],
  };
}
