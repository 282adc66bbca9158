/* The stack under attack, and the traps that show what got through. */

export { EYE } from './bus-server.ts';
export type { Canaries } from './canaries.ts';
export { type Change, startFront } from './reverse-proxy.ts';
export { AUDIENCE, honestClaims, honestToken, ISSUER, type Issuer, type Signer, signers, token } from './issuer.ts';
export type { GatewayMode } from './services.ts';
export { type AttackedStack, type StackOptions, startAttackedStack } from './stack.ts';
