/* Streams of a run: opened, followed, watched and ended. */

export { attach, type OpenRun, type Reader } from './follow.ts';
export { askedOf, type Attachment, decidedOf, eventsUrl, placeFor, reconnectOf } from './position.ts';
export { OVER } from './sse.ts';
export { StartGate } from './start-gate.ts';
export { StreamMetrics } from './stream-metrics.ts';
export { Streams } from './streams.ts';
export type { Viewer } from './viewer.ts';
export { Watches } from './watches.ts';
