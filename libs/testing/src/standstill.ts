const EVERY_MS = 10;

/**
 * How long this process stood still since the call, because the machine paused or other processes had the CPU. A test
 * adds it to the limit of the product that it asserts.
 */
export function standstill(): () => number {
  let [last, stoodMs] = [performance.now(), 0];
  const look = (): number => {
    const now = performance.now();
    stoodMs += Math.max(0, now - last - 2 * EVERY_MS);
    last = now;
    return stoodMs;
  };
  setInterval(look, EVERY_MS).unref();
  return look;
}
