/*
 * The parts of services whose level is set by itself, as LOG_LEVELS names them. A part without a service before its dot is in
 * every service that has it. The reference of the configuration lists them from here.
 */

export const LOG_PARTS = {
  gateway: 'all of the gateway',
  orchestrator: 'all of the orchestrator',
  'mcp-tool': 'all of mcp-tool',
  a2a: 'all of a2a',
  'computer-use': 'all of computer-use',
  audit: 'all of audit',
  'xmpp-bridge': 'all of the bridge, but what AZTM_LOG_LEVEL says otherwise',
  'dev-model': 'all of the development model',
  'mock-a2a': 'all of the mock agent',
  bus: 'the connection to NATS, in every service; `gateway.bus`: in one of them',
  store: 'the connections to PostgreSQL, in orchestrator, mcp-tool, computer-use and audit',
  'gateway.http': 'requests: refusals, rate limits, answers to peers',
  'gateway.streams': 'streams of events and what they watch',
  'gateway.mcp': 'the MCP endpoint',
  'orchestrator.runs': 'runs: claiming, planning, steps, publishing, sweeping',
  'orchestrator.retention': 'the expiry of old runs',
  'mcp-tool.tools': 'tools: files, registrations, calls',
  'mcp-tool.effects': 'the ledger of effects',
  'mcp-tool.upstreams': 'MCP servers behind us',
  'mcp-tool.authorisations': 'authorisations of users at providers',
  'a2a.agents': 'cards of agents',
  'a2a.delegations': 'delegated tasks',
  'computer-use.steps': 'steps on screens',
  'audit.records': 'the audit log and its completion from the journal',
  'audit.log-tree': 'the log tree',
  'xmpp-bridge.login': 'the AZTM login, step by step at debug',
  'xmpp-bridge.stream': 'what stands after the login: stanzas, streams, which replica leads, the policy',
  'xmpp-bridge.interceptor': 'HTTP requests that travel over XMPP, both ways',
} as const;
export type LogPart = keyof typeof LOG_PARTS;

/** Names of loggers of the AZTM library for Python, and the parts that are meant here. */
export const AZTM_LOGGERS = {
  aztm: ['xmpp-bridge.login', 'xmpp-bridge.stream', 'xmpp-bridge.interceptor'],
  'aztm.core': ['xmpp-bridge.login'],
  'aztm.interceptors': ['xmpp-bridge.interceptor'],
  slixmpp: ['xmpp-bridge.stream'],
} as const satisfies Record<string, readonly LogPart[]>;

const SHARED: readonly string[] = ['bus', 'store'];

/** `bus`, `gateway.http`, `gateway.bus`, `gateway`. */
export function isLogPart(name: string): boolean {
  if (Object.hasOwn(LOG_PARTS, name)) return true;
  const [app = '', part = '', ...rest] = name.split('.');
  return rest.length === 0 && Object.hasOwn(LOG_PARTS, app) && !SHARED.includes(app) && SHARED.includes(part);
}
