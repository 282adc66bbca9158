/* How a test decides what happens when. */

/** Waits for something that a test expects soon; fails where it does not come. */
export async function until(check: () => Promise<boolean> | boolean, limitMs = 5_000): Promise<void> {
  for (const deadline = Date.now() + limitMs; !(await check());) {
    if (Date.now() > deadline) throw new Error('it did not come to that in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A promise and the key to it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** `real` with some of its methods in other words. */
export function over<T extends object>(real: T, changes: Partial<T>): T {
  return new Proxy(real, {
    get(target, key) {
      const changed = changes[key as keyof T];
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
