import { type BusTrust, connectBus } from '@switchyard/bus';
import { type Finding, found } from '@switchyard/contracts';
import { createLogger, linkAbort, type TlsFiles } from '@switchyard/platform';
import { type Carrier, carryOverXmpp } from '@switchyard/safe-fetch';
import type { ModelSeen } from './model.ts';

/*
 * The probe for a model whose host is mapped to a JID: the doctor asks it through the running bridge, as the planner
 * does.
 */

interface WayOverXmpp {
  readonly overXmpp: Carrier;
  close(): Promise<void>;
}

/**
 * `url`: NATS with the login of the orchestrator; `trust`: its keys. Undefined if NATS accepts no connection within the
 * limit.
 */
export async function wayOverXmpp(
  url: string,
  trust: BusTrust,
  limitMs: number,
  tls?: TlsFiles,
): Promise<WayOverXmpp | undefined> {
  const limit = linkAbort([], limitMs);
  try {
    const log = createLogger({ app: 'doctor', level: 'silent' });
    const bus = await connectBus({ url, tls, trust, app: 'orchestrator', log, signal: limit.signal });
    return { overXmpp: carryOverXmpp(bus), close: () => bus.close() };
  } catch {
    return undefined;
  } finally {
    limit.release();
  }
}

/** The finding that replaces check 33 if no bridge could ask; undefined if one did. */
export function judgeWay(seen: ModelSeen | undefined, host: string, jid: string): Finding | undefined {
  if (seen && !('code' in seen && seen.code === 'no_responders')) return undefined;
  const why = seen ? 'no bridge runs that could ask it' : 'NATS, over which a bridge would ask it, was not reached';
  return found.skipped(
    `${host} is reached over XMPP alone (SERVICE_MAP), and ${why}: check 22 says whether ${jid} is there.`,
  );
}
