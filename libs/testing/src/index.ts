export {
  accepted,
  acts,
  answer,
  at,
  completed,
  dispatching,
  failed,
  journal,
  planningStarted,
  RUN,
  started,
} from './journal.ts';
export { until } from './until.ts';
export { type Proxy, startProxy } from './proxy.ts';
