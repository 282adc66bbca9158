import { MissingRequiredClientCapabilityError, type ServerContext } from '@modelcontextprotocol/server';
import { sleep } from '@switchyard/platform';
import {
  accepted,
  answer,
  capabilitiesOf,
  form,
  type Json,
  needs,
  PNG,
  type Run,
  said,
  sample,
  sealed,
  stateOf,
  STRING,
  text,
  textOf,
} from './mcp-fixture-texts.ts';

/* The tools of the fixture. What each does is what the description of its scenario says. */

const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const ROOTS = { method: 'roots/list', params: {} };
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

function elicited(message: string, properties: Json, required?: string[]): Run {
  return (args, context) => {
    const given = answer(context, 'form');
    if (!given) return needs({ form: form(String(args['message'] ?? message), properties, required) });
    const { action, content } = given;
    return said(`Elicitation completed: action=${String(action)}, content=${JSON.stringify(content ?? {})}`);
  };
}

const confirm = form('Please confirm', { ok: { type: 'boolean' } });
export const TOOLS: Record<string, { description: string; input?: Json; run: Run }> = {
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

async function logs(_args: Json, { mcpReq }: ServerContext): Promise<Json> {
  for (const step of ['started', 'processing data', 'completed']) {
    await mcpReq.log('info', `Tool execution ${step}`);
    await sleep(20);
  }
  return said('It was logged.');
}

export const JSON_SCHEMA_2020_12 = {
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
