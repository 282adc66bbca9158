import type { VerbContext } from './verb.ts';

const EVERY_MS = 1_000;

/** Tells, once a second at most, how far a long piece of work is. */
export function stageLine(
  { remark }: Pick<VerbContext, 'remark'>,
  now: () => number = Date.now,
): (stage: string, doneBytes?: number, allBytes?: number) => void {
  let last = '';
  let at = 0;
  return (stage, done, all) => {
    if (stage === last && now() - at < EVERY_MS) return;
    const isNew = stage !== last;
    [last, at] = [stage, now()];
    if (isNew && done === undefined) return remark(`  ${stage} ...`);
    if (done === undefined) return;
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    remark(`  ${stage} ... ${all ? `${megabytes(done)} of ${megabytes(all)}` : megabytes(done)} MB`);
  };
}
