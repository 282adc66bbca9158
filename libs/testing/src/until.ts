/** Limits are those of an idle machine; they are three times as long where other processes use it. */
const ROOM = 3;

/** Waits until the condition is true: asks every 10 ms, and fails after `limitMs`. */
export async function until(check: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  for (const end = Date.now() + limitMs * ROOM; !(await check());) {
    if (Date.now() > end) throw new Error(`not true within ${limitMs} ms: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
