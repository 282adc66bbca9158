import { TERMINAL_TYPE } from '@switchyard/contracts';
import { factStepId, fold, foresee } from '@switchyard/run';
import type { Accept, EventDraft } from '@switchyard/store';

/**
 * What the owner of a new run announces at once: it is committed with the acceptance, which saves the run a commit.
 * Nothing where the run would end by it: its end is written by the loop, as every other. No step leaves with it: one
 * that was announced and not sent before its owner died could not be told from one that was sent.
 */
export function initialFactsOf(
  request: Omit<Accept, 'opening'>,
  now: number,
  checkTask: (task: string) => string | null,
): EventDraft[] {
  const { runId, run, engineVersion: engine_version, history } = request;
  const accepted = fold([
    {
      type: 'orchestrator.run.accepted',
      data: { run, engine_version, history },
      runId,
      tenantId: run.principal.tenantId,
      seq: 1,
      epoch: 1,
      stepId: null,
      ts: now,
    },
  ]);
  const { facts } = foresee(accepted, [], { now, epoch: 1, checkTask, announce: true });
  if (facts.some(({ type }) => type === TERMINAL_TYPE)) return [];
  const leaves = facts.findIndex(({ type }) => type === 'orchestrator.step.dispatching');
  return (leaves < 0 ? facts : facts.slice(0, leaves)).map((fact) => ({ ...fact, stepId: factStepId(fact) }));
}
