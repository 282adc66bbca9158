import { GEN_AI, injectTrace, RUN_STATUS, type SpanOptions, telemetryEnabled, withSpan } from '@switchyard/platform';
import type { RunState } from '@switchyard/run';
import type { LoopEnd } from './owned-run.ts';

/*
 * The span of one owner's work on a run. The first owner's span is part of the trace in which the run was accepted.
 * Each later one starts its own trace, linked to the first and to the request that woke the run.
 */

interface Stretch {
  readonly epoch: number;
  /** True if the run was accepted here a moment ago: the active span is then that of the acceptance. */
  readonly adopted: boolean;
  /** The trace in which the run was accepted, from the journal. */
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
