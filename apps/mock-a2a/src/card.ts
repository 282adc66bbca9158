import { AgentCard } from '@a2a-js/sdk';

const SKILLS = [
  ['echo', 'Echo', 'Says back what it is told.', 'echo hello'],
  ['uppercase', 'Uppercase', 'Writes a text in capital letters.', 'uppercase hello'],
  ['reverse', 'Reverse', 'Writes a text backwards.', 'reverse hello'],
  ['summarise', 'Summarise', 'Shortens a text to its first sentence.', 'summarise The sun rose. It was warm.'],
  ['slow', 'Slow', 'Takes so many seconds before it answers.', 'slow 3 hello'],
  ['fail', 'Fail', 'Fails on purpose, to show how a failure is handled.', 'fail out of paper'],
] as const;

/** The A2A 1.0 card of the mock agent under `url`. */
export function mockCard(url: string, options: { name: string; streaming: boolean }): AgentCard {
  return AgentCard.fromJSON({
    name: options.name,
    description: 'A small deterministic agent for demonstrations and tests: it echoes, rewrites and summarises texts.',
    version: '1.0.0',
    supportedInterfaces: [{ url: `${url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    provider: { organization: 'Switchyard', url },
    capabilities: { streaming: options.streaming, pushNotifications: false, extendedAgentCard: false },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain', 'application/json'],
    skills: SKILLS.map(([id, name, description, example]) => ({
      id,
      name,
      description,
      tags: ['mock'],
      examples: [example],
    })),
  });
}
