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
 * What everybody may hear as it is told. Nothing is kept and nothing comes again: whoever needs every message consumes
 * the stream. When one of these resolves, everything that is told from then on is heard.
 */

/** Facts outside runs; `about` names one noun of them. */
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
