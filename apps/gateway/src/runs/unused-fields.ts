import type { OrchestrateRequest } from '@switchyard/contracts/http';

/* Fields of a request that change nothing are named in a notice; none is left out in silence. Pure. */

type Asked = Pick<OrchestrateRequest, 'worker' | 'grounding' | 'controller'>;

/** What of a request was not used, in sentences. */
export function unusedFields({ worker, grounding, controller }: Asked): string[] {
  return [
    ...(isGiven(grounding) ? [notUsed('grounding')] : []),
    ...(isGiven(controller) ? [notUsed('controller')] : []),
    ...(worker?.enable_reflection === true ? [notUsed('worker.enable_reflection')] : []),
  ];
}

function notUsed(field: string): string {
  return `${field} was not used: no agent of this version takes it.`;
}

function isGiven(fields: Readonly<Record<string, unknown>> | null | undefined): boolean {
  return Object.values(fields ?? {}).some((value) => value !== null && value !== undefined);
}
