import { IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_KEY_META } from '@switchyard/contracts';
import type { ToolContext } from './tool.ts';

/* Passes the idempotency key on: the service that has the effect must get it, or `idempotency: 'key'` is not true. */

type Keyed = Pick<ToolContext, 'idempotencyKey'>;

/** Headers of an HTTP request that has the effect of this call. */
export function keyHeaders({ idempotencyKey }: Keyed): Record<string, string> {
  return idempotencyKey === undefined ? {} : { [IDEMPOTENCY_KEY_HEADER]: idempotencyKey };
}

/** `_meta` of an MCP request that has the effect of this call. */
export function keyMeta({ idempotencyKey }: Keyed): Record<string, string> {
  return idempotencyKey === undefined ? {} : { [IDEMPOTENCY_KEY_META]: idempotencyKey };
}
