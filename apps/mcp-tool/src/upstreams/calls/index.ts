/* Calls to upstreams, and their results. */

export { UpstreamRequests } from './requests.ts';
export { UpstreamTools } from './tools.ts';
export { UpstreamsHandler } from './upstreams.handler.ts';
