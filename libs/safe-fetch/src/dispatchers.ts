import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { isPublicAddress } from './address-guard.ts';
import { CONNECT_TIMEOUT_MS, guardedConnect } from './guarded-connect.ts';

const POOL = { connections: 128, pipelining: 1, keepAliveTimeout: 30_000, maxOrigins: 1_024 } as const;

/** The connections of one way out: through the guard, and to hosts that the operator trusts. */
export interface Dispatchers {
  readonly guarded: Dispatcher;
  readonly trusted: Dispatcher;
}

export function openDispatchers(lookup: LookupFunction | undefined): Dispatchers {
  return {
    guarded: new Agent({ ...POOL, connect: guardedConnect(isPublicAddress, lookup) }),
    trusted: new Agent({ ...POOL, connect: { timeout: CONNECT_TIMEOUT_MS, ...(lookup ? { lookup } : {}) } }),
  };
}
