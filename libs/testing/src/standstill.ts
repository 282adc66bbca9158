const EVERY_MS = 10;

/**
 * How long this process stood still since the call, because the machine paused or others had it. What a test asserts
 * about a limit of the product is asserted of the time in which the product could act.
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
