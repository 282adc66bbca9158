import type { Logger } from '@switchyard/platform';
import { linesOf, lookedUp } from './lines.ts';
import type { LoginTap } from './attempt-options.ts';

/**
 * Logs each step of a login at debug, with the time since the step before (`ms`) and since the start (`atMs`).
 * Undefined if debug is off: a login then costs nothing more.
 */
export function loginLog(log: Logger, now: () => number = () => performance.now()): LoginTap | undefined {
  if (!log.isLevelEnabled('debug')) return undefined;
  const began = now();
  let last = began;
  const say = (text: string): void => {
    const at = now();
    log.debug({ ms: Math.round((at - last) * 10) / 10, atMs: Math.round(at - began) }, `AZTM login: ${text}`);
    last = at;
  };
  return {
    lookedUp: (where, targets) => say(lookedUp(where, targets)),
    addressFailed: (address, code) => say(`${address} does not take the connection (${code})`),
    connected: (target, socket) =>
      say(
        `connected to ${socket.remoteAddress ?? target.host} port ${target.port}, from local port ${socket.localPort ?? 0}`,
      ),
    moved: (event, before, actions) => linesOf(event, before, actions).forEach(say),
    // The raw traffic holds proofs of the password.
    sent: () => undefined,
    received: () => undefined,
    secured: () => undefined,
  };
}
