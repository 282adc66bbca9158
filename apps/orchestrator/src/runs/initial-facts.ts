import { TERMINAL_TYPE } from '@switchyard/contracts';
import { factStepId, fold, foresee } from '@switchyard/run';
import type { Accept, EventDraft } from '@switchyard/store';

/**
 * The facts that the owner of a new run announces at once. They are committed with the acceptance, which saves a
 * commit. None if the run would end by them: the loop writes every end. No step is announced here: after a crash of the
 * owner, an announced step that was not sent could not be told from one that was.
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
