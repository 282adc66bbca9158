import type { SystemEvent } from '@switchyard/contracts';
import {
  readMessage,
  type Subscription,
  systemEventOn,
  type WakeUp,
  type Wire,
  type WireMessage,
} from '../protocol/index.ts';
import { parseWakeUp } from './wake-up.ts';

/*
 * Plain subscriptions: nothing is stored and nothing is repeated; a reader that needs every message uses a stream
 * consumer. Once one of these resolves, every later message is received.
 */

/** Subscribes to facts outside runs; `about` names one noun of them. */
export function subscribeSystem(
  wire: Wire,
  listener: (event: SystemEvent) => void,
  about: string | undefined,
): Promise<Subscription> {
  return hear(wire, about === undefined ? 'sys.>' : `sys.${about}.>`, (message) => {
    const event = readMessage(message, systemEventOn);
    // A copy that JetStream delivers elsewhere still names the subject that it was stored under.
    if (event && (about === undefined || event.type.startsWith(`${about}.`))) listener(event);
  });
}

export function subscribeWakeUps(wire: Wire, listener: (wakeUp: WakeUp) => void): Promise<Subscription> {
  return hear(wire, 'cmd.run.*.*', ({ subject }) => {
    const wakeUp = parseWakeUp(subject);
    if (wakeUp) listener(wakeUp);
  });
}

async function hear(wire: Wire, subject: string, onMessage: (message: WireMessage) => void): Promise<Subscription> {
  const subscription = wire.subscribe(subject, onMessage);
  await wire.flush();
  return { stop: () => Promise.resolve(subscription.unsubscribe()) };
}
