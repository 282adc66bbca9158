/** Resolves when all promises have settled, or after `limitMs`. Never rejects. */
export async function settledWithin(promises: Iterable<Promise<unknown>>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limitReached = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([Promise.allSettled(promises), limitReached]);
  clearTimeout(timer);
}

/** How long closing waits for the work under way. */
export const DRAIN_LIMIT_MS = 5_000;
