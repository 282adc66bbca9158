/** Header of an HTTP request that has an effect once per key (draft-ietf-httpapi-idempotency-key-header). */
export const IDEMPOTENCY_KEY_HEADER = 'Idempotency-Key';
/** The same in `_meta` of an MCP request. */
export const IDEMPOTENCY_KEY_META = 'io.switchyard/idempotency-key';
