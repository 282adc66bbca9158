import { ERROR_TYPE, GEN_AI, HTTP, MESSAGING, RUN_STATUS, SERVER } from './trace-names.ts';

/*
 * Every kind of span that there is. Its kind is taken from here when it is made; the reference and the test with a real
 * collector read the rest. What stands here is a promise to whoever builds a dashboard on it.
 */

export interface SpanRule {
  readonly kind: 'internal' | 'client' | 'server' | 'producer' | 'consumer';
  /** How it is called, for people. */
  readonly called: string;
  /** The same, for a test. */
  readonly name: RegExp;
  readonly madeBy: string;
  /** One sentence: the work that the span measures. */
  readonly says: string;
  /** On each one. */
  readonly always: readonly string[];
  /** On each one that nothing went wrong with. */
  readonly whenDone?: readonly string[];
  /** Where it applies. */
  readonly sometimes: readonly string[];
}

const IDS = '[a-z0-9_*.{}-]+';
const MESSAGE = [MESSAGING.system, MESSAGING.operation, MESSAGING.operationType, MESSAGING.destination] as const;

export const SPANS = {
  httpServer: {
    kind: 'server',
    called: '`{method} {route}`',
    name: /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|HTTP)( \/\S*)?$/,
    madeBy: 'gateway',
    says: 'One request, until its answer or its stream is over. All routes but /health, /readiness and /metrics.',
    always: [HTTP.method, HTTP.path, HTTP.scheme, HTTP.protocol, HTTP.protocolVersion, SERVER.address],
    whenDone: [HTTP.status],
    sometimes: [HTTP.route, HTTP.query, SERVER.port, ERROR_TYPE],
  },
  httpClient: {
    kind: 'client',
    called: '`{method}` or `{method} {template}`',
    name: /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|HTTP)( \/\S*)?$/,
    madeBy: 'all but audit',
    says: 'One request to another server, until the last byte of its answer: model, tool, agent, MCP server, keys.',
    always: [HTTP.method, HTTP.url, SERVER.address, SERVER.port],
    whenDone: [HTTP.status],
    sometimes: [HTTP.template, HTTP.resends, ERROR_TYPE],
  },
  ask: {
    kind: 'producer',
    called: '`request {subject}`',
    name: new RegExp(`^request rpc\\.${IDS}$`),
    madeBy: 'all',
    says: 'One request on the bus, until its answer.',
    always: MESSAGE,
    sometimes: [MESSAGING.template, ERROR_TYPE],
  },
  answer: {
    kind: 'consumer',
    called: '`process {subject}`',
    name: new RegExp(`^process rpc\\.${IDS}$`),
    madeBy: 'all',
    says: 'The work on one request of the bus.',
    always: [...MESSAGE, MESSAGING.group],
    sometimes: [MESSAGING.template, ERROR_TYPE],
  },
  publish: {
    kind: 'producer',
    called: '`publish run.{tenant}.{run}.{fact}`',
    name: /^publish run\.\{tenant\}\.\{run\}\.\{fact\}$/,
    madeBy: 'orchestrator',
    says: 'Facts of one run go to the stream, until it has stored them.',
    always: [...MESSAGE, MESSAGING.template, MESSAGING.count],
    sometimes: [ERROR_TYPE],
  },
  consume: {
    kind: 'consumer',
    called: '`process run.{tenant}.{run}.{fact}`',
    name: /^process run\.\{tenant\}\.\{run\}\.\{fact\}$/,
    madeBy: 'audit',
    says: 'Facts of one run are taken from the stream and recorded. A trace of its own, linked to where they were published.',
    always: [...MESSAGE, MESSAGING.template, MESSAGING.group, MESSAGING.count],
    sometimes: [ERROR_TYPE],
  },
  workflow: {
    kind: 'internal',
    called: '`invoke_workflow switchyard`',
    name: /^invoke_workflow switchyard$/,
    madeBy: 'orchestrator',
    says: 'One stretch of work on a run: until its end, or until it waits for a person or changes its owner.',
    always: [GEN_AI.operation, GEN_AI.workflowName],
    whenDone: [RUN_STATUS],
    sometimes: [ERROR_TYPE],
  },
  chat: {
    kind: 'client',
    called: '`chat {model}`',
    name: /^chat \S/,
    madeBy: 'orchestrator',
    says: 'One call of the language model, with all its tries, until its last word.',
    always: [GEN_AI.operation, GEN_AI.provider, GEN_AI.requestModel, GEN_AI.streamed, SERVER.address, SERVER.port],
    whenDone: [GEN_AI.responseModel, GEN_AI.finishReasons, GEN_AI.inputTokens, GEN_AI.outputTokens],
    sometimes: [GEN_AI.responseId, GEN_AI.maxTokens, GEN_AI.cachedTokens, ERROR_TYPE],
  },
  tool: {
    kind: 'internal',
    called: '`execute_tool {tool}`',
    name: /^execute_tool \S+$/,
    madeBy: 'mcp-tool',
    says: 'One call of a tool.',
    always: [GEN_AI.operation, GEN_AI.toolName, GEN_AI.toolType],
    sometimes: [GEN_AI.toolCallId, ERROR_TYPE],
  },
  agent: {
    kind: 'client',
    called: '`invoke_agent {agent}`',
    name: /^invoke_agent \S/,
    madeBy: 'a2a',
    says: 'One task at another agent, from the message to its end.',
    always: [GEN_AI.operation, GEN_AI.provider, GEN_AI.agentId, GEN_AI.agentName, SERVER.address, SERVER.port],
    sometimes: [ERROR_TYPE],
  },
} as const satisfies Record<string, SpanRule>;

export type SpanName = keyof typeof SPANS;
