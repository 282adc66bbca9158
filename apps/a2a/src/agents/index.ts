/* Which agents there are: their addresses, their cards, and what of a card is believed. */

export { AgentsHandler } from './agents.handler.ts';
export { plainText, vetCard, type VettedCard } from './card.ts';
export { type AgentAddress, Directory, type DirectoryFact, type KnownAgent } from './directory.ts';
