import { accepted, form, type Json, needs, PNG, type Run, STRING, text } from './mcp-fixture-texts.ts';

/* The prompts and resources of the fixture. */

const user = (content: Json) => ({ role: 'user', content });
export const PROMPTS: Record<string, { arguments?: string[]; get: Run }> = {
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

export const RESOURCES: Record<string, Json> = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched' },
};
