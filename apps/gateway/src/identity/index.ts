/* Who sent a request, and from which origin it may come. */

export { AuthGuard } from './auth.guard.ts';
export { type IdentityConfig, type IdentityMode, isForeignPage } from './identity.ts';
export { challenge, MCP_PATH, metadataUrl, resourceUrl } from './mcp-challenge.ts';
export { answerPeers, Tickets } from './peer-requests.ts';
export { checkCrossSite, checkHost, checkOrigin, hostOf, type HostPolicy } from './request-origin.ts';
export { createTokenVerifiers } from './tokens.ts';
