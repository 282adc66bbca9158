/*
 * The names of attributes. Those of OpenTelemetry are its own; the test compares each with what
 * @opentelemetry/semantic-conventions exports. That package is not loaded by the services: of its 2 MB they need these
 * lines, and its unstable names move from one release to the next.
 */

/** The attributes with the ids of run, conversation, tenant and step, on each span about one. */
export const ABOUT = {
  run: 'switchyard.run.id',
  thread: 'gen_ai.conversation.id',
  tenant: 'switchyard.tenant.id',
  step: 'switchyard.step.id',
} as const;

/** How a stretch of work on a run ended: the status of the run, or why it was let go before that. */
export const RUN_STATUS = 'switchyard.run.status';
/** Of a link: `accepted` leads to where the run was accepted, `woken` to the request that made it go on. */
export const LINK = 'switchyard.link';

export const ERROR_TYPE = 'error.type';

export const HTTP = {
  method: 'http.request.method',
  resends: 'http.request.resend_count',
  route: 'http.route',
  status: 'http.response.status_code',
  path: 'url.path',
  query: 'url.query',
  scheme: 'url.scheme',
  url: 'url.full',
  template: 'url.template',
  protocol: 'network.protocol.name',
  protocolVersion: 'network.protocol.version',
} as const;

export const SERVER = { address: 'server.address', port: 'server.port' } as const;

export const MESSAGING = {
  system: 'messaging.system',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  template: 'messaging.destination.template',
  group: 'messaging.consumer.group.name',
  count: 'messaging.batch.message_count',
} as const;

export const GEN_AI = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  maxTokens: 'gen_ai.request.max_tokens',
  streamed: 'gen_ai.request.stream',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedTokens: 'gen_ai.usage.cache_read.input_tokens',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolType: 'gen_ai.tool.type',
  agentName: 'gen_ai.agent.name',
  agentId: 'gen_ai.agent.id',
  workflowName: 'gen_ai.workflow.name',
} as const;

/** The resource attributes of a service, sent once for all its spans. */
export const RESOURCE = {
  name: 'service.name',
  version: 'service.version',
  instance: 'service.instance.id',
  namespace: 'service.namespace',
} as const;
