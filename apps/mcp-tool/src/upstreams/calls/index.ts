/* Calls to upstreams, and what they answer. */

export { UpstreamRequests } from './requests.ts';
export { UpstreamTools } from './tools.ts';
export { UpstreamsHandler } from './upstreams.handler.ts';
