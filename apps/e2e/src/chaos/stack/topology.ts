/* The processes of a round, and which of their connections it can break. */

/** The replicas of each app, by name. */
export const REPLICAS = {
  orchestrator: ['orchestrator', 'orchestrator-2'],
  gateway: ['gateway', 'gateway-2'],
  'mcp-tool': ['mcp-tool', 'mcp-tool-2'],
  a2a: ['a2a', 'a2a-2'],
  audit: ['audit'],
  'mock-a2a': ['agent'],
} as const;
export type RoundApp = keyof typeof REPLICAS;

/** The links that each replica of an app has for itself; `http`: the one by which others reach it. */
export const LINKS: Readonly<Record<RoundApp, readonly ('nats' | 'postgres' | 'http')[]>> = {
  orchestrator: ['nats', 'postgres'],
  gateway: ['nats'],
  'mcp-tool': ['nats', 'postgres'],
  a2a: ['nats'],
  audit: ['nats', 'postgres'],
  'mock-a2a': ['http'],
};

/** `<service>:<what>` */
export const LINK_NAMES: readonly string[] = (Object.keys(REPLICAS) as RoundApp[]).flatMap((app) =>
  REPLICAS[app].flatMap((name) => LINKS[app].map((what) => `${name}:${what}`)),
);
