import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  CLIENT_CAPABILITIES_META_KEY,
  createMcpHandler,
  type InputRequiredResult,
  type ListToolsResult,
  McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { sleep } from '@switchyard/platform';

/*
 * An MCP server with everything that the conformance suite asks for by name: it stands behind our own /mcp, so that the
 * suite tests what passes through. What each tool and prompt does is what the descriptions of the scenarios say.
 */

export interface McpFixture {
  readonly url: string;
  /** The headers of every request that came. */
  readonly seen: Record<string, unknown>[];
  stop(): Promise<void>;
}

type Json = Record<string, unknown>;
/** As the SDK types schemas. */
type Schema = ListToolsResult['tools'][number]['inputSchema'];
type Run = (args: Json, context: ServerContext) => Promise<Json> | Json;

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const SECRET = 'the fixture signs its states with this';

const text = (value: string) => ({ type: 'text', text: value });
const said = (value: string): Json => ({ content: [text(value)] });
const form = (message: string, properties: Json, required = Object.keys(properties)) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required } },
});
const sample = (prompt: string, maxTokens = 100) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens },
});
const ROOTS = { method: 'roots/list', params: {} };
const STRING = { type: 'string' };
const askName = form('What is your name?', { name: STRING });
const titled = (kind: string) =>
  ['First', 'Second', 'Third'].map((nth, i) => ({ const: `value${i + 1}`, title: `${nth} ${kind}` }));
const OPTIONS = { type: 'string', enum: ['option1', 'option2', 'option3'] };

const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};
const ENUMS = {
  untitledSingle: OPTIONS,
  titledSingle: { type: 'string', oneOf: titled('Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: OPTIONS },
  titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
};

function needs(inputRequests: Json, requestState?: string): Json {
  return { resultType: 'input_required', inputRequests, ...(requestState ? { requestState } : {}) };
}

/** An answer to `key`, where it is a whole one. */
function answer(context: ServerContext, key: string): Json | undefined {
  const given = context.mcpReq.inputResponses?.[key];
  return typeof given === 'object' && given !== null ? (given as Json) : undefined;
}

/** The accepted value of a form, where it is a whole one. */
function accepted(context: ServerContext, key: string, field: string): unknown {
  const { action, content } = answer(context, key) ?? {};
  return action === 'accept' ? ((content ?? {}) as Json)[field] : undefined;
}

function textOf(response: Json | undefined): string | undefined {
  const content = response?.['content'];
  const first = (Array.isArray(content) ? content[0] : content) as { text?: string } | undefined;
  return first?.text;
}

const sign = (state: string) => createHmac('sha256', SECRET).update(state).digest('base64url');
const sealed = (state: string) => `${state}.${sign(state)}`;

/** The state of this round; a wrong one is refused. */
function stateOf({ mcpReq }: ServerContext): string | undefined {
  const given = mcpReq.requestState<string>();
  if (given === undefined) return undefined;
  const at = given.lastIndexOf('.');
  const state = given.slice(0, Math.max(0, at));
  const [mine, theirs] = [Buffer.from(sign(state)), Buffer.from(given.slice(at + 1))];
  if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs))
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid requestState');
  return state;
}

const capabilitiesOf = ({ mcpReq }: ServerContext) =>
  ((mcpReq.envelope as Json | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as Json;

function elicited(message: string, properties: Json, required?: string[]): Run {
  return (args, context) => {
    const given = answer(context, 'form');
    if (!given) return needs({ form: form(String(args['message'] ?? message), properties, required) });
    const { action, content } = given;
    return said(`Elicitation completed: action=${String(action)}, content=${JSON.stringify(content ?? {})}`);
  };
}

const confirm = form('Please confirm', { ok: { type: 'boolean' } });
const TOOLS: Record<string, { description: string; input?: Json; run: Run }> = {
  test_simple_text: { description: 'Gives a text', run: () => said('This is a simple text response for testing.') },
  test_image_content: {
    description: 'Gives an image',
    run: () => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] }),
  },
  test_audio_content: {
    description: 'Gives a sound',
    run: () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    description: 'Gives a resource',
    run: () => ({
      content: [
        { type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'Embedded.' } },
      ],
    }),
  },
  test_multiple_content_types: {
    description: 'Gives a text, an image and a resource',
    run: () => ({
      content: [
        text('Multiple content types test:'),
        { type: 'image', data: PNG, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"a":1}' },
        },
      ],
    }),
  },
  test_tool_with_logging: { description: 'Logs while it works', run: logs },
  test_logging_tool: { description: 'Logs while it works', run: logs },
  test_tool_with_progress: {
    description: 'Tells its progress',
    run: async (_args, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
        await sleep(20);
      }
      return said('All steps are done.');
    },
  },
  test_error_handling: {
    description: 'Fails',
    run: () => ({ ...said('This tool intentionally returns an error for testing'), isError: true }),
  },
  test_sampling: {
    description: 'Asks the model of its client',
    input: { prompt: STRING },
    run: (args, context) => {
      const given = answer(context, 'model');
      return given ? said(`LLM response: ${textOf(given) ?? ''}`) : needs({ model: sample(String(args['prompt'])) });
    },
  },
  test_elicitation: {
    description: 'Asks the user of its client',
    input: { message: STRING },
    run: elicited('', { username: STRING, email: STRING }),
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks with defaults',
    run: elicited('Please look at the defaults', DEFAULTS, []),
  },
  test_elicitation_sep1330_enums: { description: 'Asks with choices', run: elicited('Please choose', ENUMS, []) },
  test_streaming_elicitation: { description: 'Asks', run: elicited('Please answer', { response: STRING }) },
  json_schema_2020_12_tool: {
    description: 'Has a schema of 2020-12',
    run: (args) => said(`Called with ${JSON.stringify(args)}`),
  },
  test_custom_headers: {
    description: 'Wants an argument as a header, too',
    input: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    run: (args) => said(`The region is ${String(args['region'])}.`),
  },
  test_missing_capability: {
    description: 'Needs a client with a model',
    run: (_args, context) => {
      if (capabilitiesOf(context)['sampling'] === undefined)
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
      return said('The client has a model.');
    },
  },
  test_input_required_result_elicitation: {
    description: 'Asks for a name',
    run: (_args, context) => {
      const name = accepted(context, 'user_name', 'name');
      return typeof name === 'string' ? said(`Hello, ${name}!`) : needs({ user_name: askName });
    },
  },
  test_input_required_result_sampling: {
    description: 'Asks the model of its client',
    run: (_args, context) => {
      const given = textOf(answer(context, 'capital_question'));
      return given === undefined ? needs({ capital_question: sample('What is the capital of France?') }) : said(given);
    },
  },
  test_input_required_result_list_roots: {
    description: 'Asks for roots',
    run: (_args, context) => {
      const roots = answer(context, 'client_roots')?.['roots'];
      return Array.isArray(roots) ? said(`Roots: ${JSON.stringify(roots)}`) : needs({ client_roots: ROOTS });
    },
  },
  test_input_required_result_request_state: {
    description: 'Asks, and remembers by a state',
    run: (_args, context) => {
      const state = stateOf(context);
      if (state === 'asked' && answer(context, 'confirm')) return said('state-ok');
      return needs({ confirm }, sealed('asked'));
    },
  },
  test_input_required_result_multiple_inputs: {
    description: 'Asks for three things at once',
    run: (_args, context) => {
      const state = stateOf(context);
      const keys = ['user_name', 'greeting', 'client_roots'];
      if (state === 'asked' && keys.every((key) => answer(context, key))) return said('All three are here.');
      return needs(
        { user_name: askName, greeting: sample('Generate a greeting', 50), client_roots: ROOTS },
        sealed('asked'),
      );
    },
  },
  test_input_required_result_multi_round: {
    description: 'Asks twice',
    run: (_args, context) => {
      const state = stateOf(context);
      const name = accepted(context, 'step1', 'name');
      if (state === 'first' && name !== undefined)
        return needs(
          { step2: form('Step 2: What is your favorite color?', { color: STRING }) },
          sealed(`second:${String(name)}`),
        );
      const color = accepted(context, 'step2', 'color');
      if (state?.startsWith('second:') && color !== undefined)
        return said(`${state.slice('second:'.length)} likes ${String(color)}.`);
      return needs({ step1: form('Step 1: What is your name?', { name: STRING }) }, sealed('first'));
    },
  },
  test_input_required_result_tampered_state: {
    description: 'Refuses a state that is not its own',
    run: (_args, context) => (stateOf(context) === 'asked' ? said('state-ok') : needs({ confirm }, sealed('asked'))),
  },
  test_input_required_result_capabilities: {
    description: 'Asks for what its client can answer',
    run: (_args, context) => {
      const can = capabilitiesOf(context);
      const asked = {
        ...(can['elicitation'] ? { name: askName } : {}),
        ...(can['sampling'] ? { greeting: sample('Generate a greeting', 50) } : {}),
      };
      return Object.keys(asked).length === 0 || context.mcpReq.inputResponses ? said('Thank you.') : needs(asked);
    },
  },
};

const JSON_SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: STRING, city: STRING } } },
  properties: { name: STRING, address: { $ref: '#/$defs/address' }, phone: STRING, email: STRING },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { required: ['phone'] },
  then: { required: ['name'] },
  else: {},
  additionalProperties: false,
};

const user = (content: Json) => ({ role: 'user', content });
const PROMPTS: Record<string, { arguments?: string[]; get: Run }> = {
  test_simple_prompt: { get: () => ({ messages: [user(text('This is a simple prompt for testing.'))] }) },
  test_prompt_with_arguments: {
    arguments: ['arg1', 'arg2'],
    get: ({ arg1, arg2 }) => ({
      messages: [user(text(`Prompt with arguments: arg1='${String(arg1)}', arg2='${String(arg2)}'`))],
    }),
  },
  test_prompt_with_embedded_resource: {
    arguments: ['resourceUri'],
    get: ({ resourceUri: uri }) => ({
      messages: [user({ type: 'resource', resource: { uri, mimeType: 'text/plain', text: 'Embedded.' } })],
    }),
  },
  test_prompt_with_image: { get: () => ({ messages: [user({ type: 'image', data: PNG, mimeType: 'image/png' })] }) },
  test_input_required_result_prompt: {
    get: (_args, context) => {
      const given = accepted(context, 'user_context', 'context');
      if (given !== undefined) return { messages: [user(text(`With ${String(given)}`))] };
      return needs({ user_context: form('What context should the prompt use?', { context: STRING }) });
    },
  },
};

const RESOURCES: Record<string, Json> = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched' },
};

async function logs(_args: Json, { mcpReq }: ServerContext): Promise<Json> {
  for (const step of ['started', 'processing data', 'completed']) {
    await mcpReq.log('info', `Tool execution ${step}`);
    await sleep(20);
  }
  return said('It was logged.');
}

function fixtureServer(): McpServer {
  const capabilities = { tools: {}, resources: {}, prompts: {}, logging: {}, completions: {} };
  const front = new McpServer({ name: 'fixture', version: '1.0.0' }, { capabilities });
  const { server } = front;
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(TOOLS).map(([name, { description, input }]) => ({
      ...{ name, description },
      inputSchema: (name === 'json_schema_2020_12_tool'
        ? JSON_SCHEMA_2020_12
        : { type: 'object', properties: input ?? {}, required: Object.keys(input ?? {}) }) as Schema,
    })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = Object.hasOwn(TOOLS, params.name) ? TOOLS[params.name] : undefined;
    if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return (await tool.run(params.arguments ?? {}, context)) as InputRequiredResult;
  });
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({
      ...{ uri, name: uri.slice('test://'.length), mimeType: String(mimeType) },
    })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  }));
  server.setRequestHandler('resources/read', ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const known = Object.hasOwn(RESOURCES, uri) ? RESOURCES[uri] : undefined;
    const filled = id && { mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) };
    const found = known ?? (filled || undefined);
    if (!found) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource not found: ${uri}`, { uri });
    return { contents: [{ uri, ...found } as { uri: string; text: string }] };
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, { arguments: names = [] }]) => ({
      ...{ name, description: `The prompt ${name}` },
      arguments: names.map((argument) => ({ name: argument, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', async ({ params }, context) => {
    const prompt = Object.hasOwn(PROMPTS, params.name) ? PROMPTS[params.name] : undefined;
    if (!prompt) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return (await prompt.get(params.arguments ?? {}, context)) as Result as InputRequiredResult;
  });
  server.setRequestHandler('completion/complete', ({ params }) => ({
    completion: {
      values: ['paris', 'park', 'party'].filter((value) => value.startsWith(params.argument.value)),
      hasMore: false,
    },
  }));
  return front;
}

/** Starts it on a free port of loopback. */
export async function startMcpFixture(): Promise<McpFixture> {
  const seen: Json[] = [];
  const handler = createMcpHandler(fixtureServer);
  const serve = toNodeHandler(handler);
  const server = createServer((request, response) => {
    seen.push({ ...request.headers });
    if (seen.length > 1_000) seen.shift();
    void serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    stop: async () => {
      await handler.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
