export { type Caller, dataOf, headersOf, named, parseSse, type SseEvent, stream } from './client.ts';
export { startSystem, type System, type SystemOptions } from './system.ts';
