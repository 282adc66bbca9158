/* The known agents: their addresses, their cards, and the vetting of cards. */

export { AgentsHandler } from './agents.handler.ts';
export { cardReader } from './card-reader.ts';
export { plainText, vetCard, type VettedCard } from './card.ts';
export { type AgentAddress, Directory, type DirectoryFact, type KnownAgent } from './directory.ts';
export { judgeTrust, TRUST_POLICIES, type TrustVerdict } from './trust.ts';
export { OwnCard } from './own-card.ts';
