export { type Stack, startStack } from './chaos/stack/stack.ts';
export { type Caller, dataOf, headersOf, named, parseSse, type SseEvent, stream } from './client.ts';
export {
  type Ended,
  type ProcessApp,
  type Processes,
  type ProcessesOptions,
  type Replica,
  type Server,
  startProcesses,
} from './processes.ts';
export { type RawEvent, ResumingClient, TERMINAL, type Watched } from './resuming-client.ts';
export { startSystem, type System, type SystemOptions } from './system.ts';
export { type FollowedTask, TaskClient } from './task-client.ts';
