import { type Bus, connectBus } from '@switchyard/bus';
import { type Finding, found } from '@switchyard/contracts';
import { createLogger, sleep } from '@switchyard/platform';
import { type Carrier, carryOverXmpp } from '@switchyard/safe-fetch';
import type { ModelSeen } from './doctor-model.ts';

/* A model whose host is mapped: the doctor asks it as the planner does, through the bridge that runs. */

export interface WayOverXmpp {
  readonly overXmpp: Carrier;
  close(): Promise<void>;
}

/** `url`: of NATS, with the login of the orchestrator. Undefined where it lets nobody in within the limit. */
export async function wayOverXmpp(url: string, limitMs: number): Promise<WayOverXmpp | undefined> {
  const connecting = connectBus({ url, app: 'orchestrator', log: createLogger({ app: 'doctor', level: 'silent' }) });
  const late = new AbortController();
  const bus: Bus | undefined = await Promise.race([
    connecting.catch(() => undefined),
    sleep(limitMs, late.signal).then(
      () => undefined,
      () => undefined,
    ),
  ]);
  late.abort();
  if (bus) return { overXmpp: carryOverXmpp(bus), close: () => bus.close() };
  connecting.then(
    (late_) => late_.close(),
    () => undefined,
  );
  return undefined;
}

/** What is said in place of check 33 where no bridge could ask; undefined where one did. */
export function judgeWay(seen: ModelSeen | undefined, host: string, jid: string): Finding | undefined {
  if (seen && !('code' in seen && seen.code === 'no_responders')) return undefined;
  const why = seen ? 'no bridge runs that could ask it' : 'NATS, over which a bridge would ask it, was not reached';
  return found.skipped(
    `${host} is reached over XMPP alone (SERVICE_MAP), and ${why}: check 22 says whether ${jid} is there.`,
  );
}
