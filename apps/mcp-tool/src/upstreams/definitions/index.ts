/* The tools of upstreams: what they offer, what of it was pinned, and what is in quarantine. */

export { type ActiveTool, UpstreamRegistry } from './registry.ts';
export { sandboxCheck } from './health.ts';
export { mustBe, Quarantine } from './quarantine.ts';
export type { Definition } from './scan.ts';
