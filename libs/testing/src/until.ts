/** Limits are those of a machine that does nothing else; one that others use gets three times as long. */
const ROOM = 3;

/** Waits for something that a test expects soon: asks every 10 ms, fails where it is not so within `limitMs`. */
export async function until(check: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  for (const end = Date.now() + limitMs * ROOM; !(await check());) {
    if (Date.now() > end) throw new Error(`not true within ${limitMs} ms: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
