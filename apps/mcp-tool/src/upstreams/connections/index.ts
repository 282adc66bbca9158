/* Connections to MCP upstreams: as the operator configured them, each process in its sandbox. */

export type { Ask } from './ask.ts';
export { type Fault, faultOf } from './faults.ts';
export { StderrTail } from './stderr-tail.ts';
export { policyOf, type ToolPolicy } from './policy.ts';
export { UpstreamPool } from './pool.ts';
