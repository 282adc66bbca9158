/* The tools of upstreams: the listed, the pinned and the quarantined ones. */

export { type ActiveTool, UpstreamRegistry } from './registry.ts';
export { sandboxCheck } from './health.ts';
export { mustBe, Quarantine } from './quarantine.ts';
export type { Definition } from './scan.ts';
