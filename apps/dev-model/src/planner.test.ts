import { describe, expect, it } from '@jest/globals';
import { readConversation } from './conversation.ts';
import type { ChatMessage } from './openai.ts';
import { plan } from './planner.ts';
import type { Decision } from './planner.ts';

const object = (properties: Record<string, unknown>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
const text = (description = '') => ({ type: 'string', description });

const FUNCTIONS = [
  { name: 'get_weather', description: 'Current weather of a city.', parameters: object({ city: text('City name') }) },
  {
    name: 'calculator',
    description: 'Work out an arithmetic expression.',
    parameters: object({ expression: text('An arithmetic expression such as (2 + 3) * 4') }),
  },
  {
    name: 'add_note',
    description: 'Store a note under a title.',
    parameters: object({ title: text(), content: text() }),
  },
  { name: 'get_note', description: 'Read a note by its title.', parameters: object({ title: text() }) },
  { name: 'admin_debug', description: 'Show internals of the tool server.', parameters: object({}) },
  {
    name: 'send_email',
    description: 'Send an e-mail.',
    parameters: object({ to: { type: 'string', format: 'email' }, subject: text(), body: text() }, ['to', 'body']),
  },
  {
    name: 'delegate_to_mock_agent',
    description: 'Mock agent: echo, uppercase, summarise.',
    parameters: object({ task: text('What the agent is to do') }),
  },
];
const PLAN = {
  name: 'submit_plan',
  description: 'Steps that run in order.',
  parameters: object({ steps: { type: 'array', items: {} } }),
};

interface Done {
  name: string;
  args: Record<string, unknown>;
  result: unknown;
}

function messagesOf(task: string, rounds: Done[][] = [], history: ChatMessage[] = []): ChatMessage[] {
  let id = 0;
  return [
    { role: 'system', content: 'You plan.' },
    ...history,
    { role: 'user', content: task },
    ...rounds.flatMap((round): ChatMessage[] => {
      const ids = round.map(() => `call_${(id += 1)}`);
      return [
        {
          role: 'assistant',
          content: null,
          tool_calls: round.map((call, at) => ({
            id: ids[at]!,
            type: 'function',
            function: { name: call.name, arguments: JSON.stringify(call.args) },
          })),
        },
        ...round.map((call, at): ChatMessage => ({
          role: 'tool',
          tool_call_id: ids[at]!,
          content: typeof call.result === 'string' ? call.result : JSON.stringify(call.result),
        })),
      ];
    }),
  ];
}

function decide(
  task: string,
  rounds: Done[][] = [],
  options: { functions?: typeof FUNCTIONS; history?: ChatMessage[]; parallel?: boolean } = {},
): Decision {
  return plan({
    conversation: readConversation(messagesOf(task, rounds, options.history)),
    functions: options.functions ?? FUNCTIONS,
    parallel: options.parallel ?? true,
    choice: 'auto',
  });
}

const calls = (decision: Decision) =>
  decision.kind === 'calls' ? decision.calls.map((call) => [call.name, call.arguments]) : decision.text;
const said = (decision: Decision) =>
  decision.kind === 'text' ? decision.text : `calls ${JSON.stringify(decision.calls)}`;

describe('the planner picks functions by their schemas', () => {
  it.each<[string, [string, Record<string, unknown>][]]>([
    ['What is the weather in London?', [['get_weather', { city: 'London' }]]],
    ['what is the weather like in new york today?', [['get_weather', { city: 'New York' }]]],
    ['What is the weather like in London', [['get_weather', { city: 'London' }]]],
    ["What's Berlin's weather?", [['get_weather', { city: 'Berlin' }]]],
    ['Weather for San Francisco, please', [['get_weather', { city: 'San Francisco' }]]],
    [
      'How is the weather in London and Paris?',
      [
        ['get_weather', { city: 'London' }],
        ['get_weather', { city: 'Paris' }],
      ],
    ],
    [
      'What is the weather in London, and what is 17% of 2340?',
      [
        ['get_weather', { city: 'London' }],
        ['calculator', { expression: '17/100*2340' }],
      ],
    ],
    ['what is 17 percent of 2,340', [['calculator', { expression: '17/100*2340' }]]],
    ['Calculate (2 + 3) * 4', [['calculator', { expression: '(2+3)*4' }]]],
    ['What is 12 plus 30 divided by 5?', [['calculator', { expression: '12+30/5' }]]],
    ['add 3 and 4', [['calculator', { expression: '3+4' }]]],
    [
      'Add a note called shopping that says buy milk and eggs',
      [['add_note', { title: 'shopping', content: 'buy milk and eggs' }]],
    ],
    [
      "Add a note 'trip' that says 'what is 2+2, and then go'",
      [['add_note', { title: 'trip', content: 'what is 2+2, and then go' }]],
    ],
    ['Save a note titled "to do": call Anna', [['add_note', { title: 'to do', content: 'call Anna' }]]],
    ['Add a note that says hello world', [['add_note', { title: 'hello-world', content: 'hello world' }]]],
    ['Read my shopping note', [['get_note', { title: 'shopping' }]]],
    ['get the note called shopping', [['get_note', { title: 'shopping' }]]],
    ['Use admin_debug', [['admin_debug', {}]]],
    ['call get_weather with {"city":"Oslo"}', [['get_weather', { city: 'Oslo' }]]],
    ['get_weather city=Oslo', [['get_weather', { city: 'Oslo' }]]],
    [
      'Send an email to anna@example.org saying "see you at 5"',
      [['send_email', { to: 'anna@example.org', body: 'see you at 5' }]],
    ],
    ['Ask the mock agent to uppercase hello', [['delegate_to_mock_agent', { task: 'uppercase hello' }]]],
    [
      'delegate to the mock agent: summarise the news and reverse it',
      [['delegate_to_mock_agent', { task: 'summarise the news and reverse it' }]],
    ],
    [
      'What is the weather in Rome and ask the mock agent to reverse abc',
      [
        ['get_weather', { city: 'Rome' }],
        ['delegate_to_mock_agent', { task: 'reverse abc' }],
      ],
    ],
  ])('%s', (task, expected) => {
    expect(calls(decide(task))).toEqual(expected);
  });

  it('asks one call at a time where parallel calls are off', () => {
    expect(calls(decide('What is the weather in London, and what is 2+2?', [], { parallel: false }))).toEqual([
      ['get_weather', { city: 'London' }],
    ]);
  });

  it('calls nothing that is not offered', () => {
    const answer = said(decide('What is the weather in London?', [], { functions: [FUNCTIONS[1]!] }));
    expect(answer).toContain('not a language model');
    expect(answer).toContain('calculator');
  });

  it('says what it is where it understands nothing', () => {
    expect(said(decide('Compose a sonnet about the sea'))).toMatch(
      /development model of Switchyard: fixed rules, not a language model/,
    );
  });
});

describe('the planner works in order', () => {
  it('submits a plan for "first … then …" where that is offered', () => {
    const task = 'First get the weather in Paris, then ask the mock agent to uppercase done';
    expect(calls(decide(task, [], { functions: [...FUNCTIONS, PLAN] }))).toEqual([
      [
        'submit_plan',
        {
          steps: [
            { tool: 'get_weather', arguments: { city: 'Paris' } },
            { agent: 'mock_agent', task: 'uppercase done' },
          ],
        },
      ],
    ]);
  });

  it('goes step by step without submit_plan and carries a result on', () => {
    const task = 'First calculate 6*7, then add a note called answer that says the result';
    const first = { name: 'calculator', args: { expression: '6*7' }, result: { result: 42 } };
    expect(calls(decide(task))).toEqual([['calculator', first.args]]);
    const second = { name: 'add_note', args: { title: 'answer', content: '42' }, result: { stored: true } };
    expect(calls(decide(task, [[first]]))).toEqual([['add_note', second.args]]);
    expect(said(decide(task, [[first], [second]]))).toMatch(/6\*7 is 42\.[\s\S]*Note for answer: stored\./);
  });

  it('reads back the note that it has just written', () => {
    const task = 'Add a note called trip that says pack socks and then read it back';
    const add = { name: 'add_note', args: { title: 'trip', content: 'pack socks' }, result: { ok: true } };
    expect(calls(decide(task))).toEqual([['add_note', add.args]]);
    expect(calls(decide(task, [[add]]))).toEqual([['get_note', { title: 'trip' }]]);
  });
});

describe('the planner answers from results alone', () => {
  it('composes one sentence per result', () => {
    const answer = said(
      decide('What is the weather in London, and what is 17% of 2340?', [
        [
          {
            name: 'get_weather',
            args: { city: 'London' },
            result: { city: 'London', temperature_c: 12, condition: 'cloudy' },
          },
          { name: 'calculator', args: { expression: '17/100*2340' }, result: { result: 397.8 } },
        ],
      ]),
    );
    expect(answer).toBe('Weather for London: temperature c 12, condition cloudy.\n17% of 2340 is 397.8.');
  });

  it('tells an error plainly', () => {
    const answer = said(
      decide('What is the weather in Xyz?', [
        [
          {
            name: 'get_weather',
            args: { city: 'Xyz' },
            result: { error: { code: 'tool_failed', message: 'There is no city Xyz' } },
          },
        ],
      ]),
    );
    expect(answer).toBe('get_weather (Xyz) failed: There is no city Xyz.');
  });

  it('retries once where the error says so, then tells it', () => {
    const failed = {
      name: 'get_weather',
      args: { city: 'Oslo' },
      result: { status: 'failed', code: 'tool_timeout', message: 'Weather did not answer in time' },
    };
    expect(calls(decide('weather in Oslo', [[failed]]))).toEqual([['get_weather', { city: 'Oslo' }]]);
    expect(said(decide('weather in Oslo', [[failed], [failed]]))).toContain('failed: Weather did not answer in time.');
  });

  it('repairs an argument with the value that the error names, once', () => {
    const failed = {
      name: 'get_weather',
      args: { city: 'Londn' },
      result: { error: 'Unknown city. Did you mean "London"?' },
    };
    expect(calls(decide('weather in Londn', [[failed]]))).toEqual([['get_weather', { city: 'London' }]]);
    const good = { name: 'get_weather', args: { city: 'London' }, result: 'Rain, 9 °C' };
    expect(said(decide('weather in Londn', [[failed], [good]]))).toBe('Weather for London: Rain, 9 °C.');
  });

  it('never repeats an effect that is in doubt', () => {
    const doubt = {
      name: 'add_note',
      args: { title: 'a', content: 'b' },
      result: { status: 'in_doubt', code: 'tool_in_doubt', message: 'The tool did not answer in time' },
    };
    expect(said(decide('Add a note called a that says b', [[doubt]]))).toContain('failed');
  });
});

describe('the planner with the tools of the tool service', () => {
  const name = { type: 'string', minLength: 1, maxLength: 200, description: 'Name of the note, unique for this user' };
  const unit = {
    type: 'string',
    enum: ['celsius', 'fahrenheit'],
    default: 'celsius',
    description: 'Unit of the temperature',
  };
  const functions = [
    {
      name: 'calculator',
      description: 'Calculate the value of an arithmetic expression exactly. Use it for every calculation.',
      parameters: object({ expression: text('Arithmetic expression, e.g. "(3 + 4) * 2", "17% of 2340", "sqrt(2)"') }),
    },
    {
      name: 'get_weather',
      description:
        'Get the current weather of a city: temperature, conditions, humidity. (Mock data, the same on every call.)',
      parameters: object({ city: text('Name of the city, e.g. "London"'), unit }, ['city']),
    },
    {
      name: 'add_note',
      description: 'Save a note under a name. A note of the same name is replaced.',
      parameters: object({ name, body: text('Text of the note') }),
    },
    { name: 'get_note', description: 'Read a note that was saved before, by its name.', parameters: object({ name }) },
    {
      name: 'admin_debug',
      description: 'Report the state of the tool service: uptime, memory, version of Node. For administrators.',
      parameters: object({}),
    },
    FUNCTIONS.at(-1)!,
  ] as unknown as typeof FUNCTIONS;

  it.each<[string, [string, Record<string, unknown>][]]>([
    [
      'What is the weather in London, and what is 17% of 2340?',
      [
        ['get_weather', { city: 'London' }],
        ['calculator', { expression: '17/100*2340' }],
      ],
    ],
    ['weather in Oslo in fahrenheit', [['get_weather', { city: 'Oslo', unit: 'fahrenheit' }]]],
    ['What is the temperature in Oslo?', [['get_weather', { city: 'Oslo' }]]],
    ['Add a note called shopping that says buy milk', [['add_note', { name: 'shopping', body: 'buy milk' }]]],
    ['Save a note named "a b" with the text "c d"', [['add_note', { name: 'a b', body: 'c d' }]]],
    ['What does my shopping note say?', [['get_note', { name: 'shopping' }]]],
    ['read the note "shopping"', [['get_note', { name: 'shopping' }]]],
    ['What is the square root of 144?', [['calculator', { expression: 'sqrt(144)' }]]],
    ['calculate round(10 / 3, 2)', [['calculator', { expression: 'round(10 / 3, 2)' }]]],
    ['what is 2 to the power of 10', [['calculator', { expression: '2**10' }]]],
    ['what is 2^10?', [['calculator', { expression: '2**10' }]]],
    ['Run admin_debug', [['admin_debug', {}]]],
    [
      'Ask the mock agent to summarise this: the sun rose. It was warm.',
      [['delegate_to_mock_agent', { task: 'summarise this: the sun rose. It was warm' }]],
    ],
  ])('%s', (task, expected) => {
    expect(calls(decide(task, [], { functions }))).toEqual(expected);
  });

  it('puts their results into words', () => {
    const weather = { city: 'London', temperature: 12, unit: 'celsius', conditions: 'cloudy', humidity_percent: 60 };
    expect(
      said(
        decide('weather in London', [[{ name: 'get_weather', args: { city: 'London' }, result: weather }]], {
          functions,
        }),
      ),
    ).toBe('Weather for London: temperature 12 celsius, conditions cloudy, humidity 60%.');
    expect(
      said(
        decide(
          'read my shopping note',
          [[{ name: 'get_note', args: { name: 'shopping' }, result: { name: 'shopping', body: 'buy milk' } }]],
          { functions },
        ),
      ),
    ).toBe('Note for shopping: buy milk.');
    expect(
      said(
        decide(
          'Add a note called a that says b',
          [[{ name: 'add_note', args: { name: 'a', body: 'b' }, result: { name: 'a', saved: true } }]],
          { functions },
        ),
      ),
    ).toBe('Note for a: saved.');
  });
});

describe('the planner within the orchestrator', () => {
  it('finds the steps of its plan as calls of the tools, and tells what was skipped', () => {
    const answer = said(
      decide(
        'First get the weather in Paris, then add a note called trip that says pack socks',
        [
          [
            {
              name: 'get_weather',
              args: { city: 'Paris' },
              result: { status: 'failed', code: 'tool_failed', error: 'No data' },
            },
            {
              name: 'add_note',
              args: { title: 'trip', content: 'pack socks' },
              result: { status: 'skipped', message: 'An earlier step of the plan failed.' },
            },
          ],
        ],
        { functions: [...FUNCTIONS, PLAN] },
      ),
    );
    expect(answer).toBe(
      'get_weather (Paris) failed: No data.\nadd_note (trip) failed: An earlier step of the plan failed.',
    );
  });

  it('answers from the results where no functions are offered any more', () => {
    const done = { name: 'get_weather', args: { city: 'Rome' }, result: { temperature: 20 } };
    expect(said(decide('What is the weather in Rome?', [[done]], { functions: [] }))).toBe(
      'Weather for Rome: temperature 20.',
    );
  });
});

describe('the planner remembers a conversation', () => {
  const history: ChatMessage[] = [
    { role: 'user', content: 'What is the weather in London? By the way, my name is Anna.' },
    { role: 'assistant', content: 'Weather for London: 12.' },
  ];

  it('answers what was asked before', () => {
    const answer = said(decide('What did I ask you before?', [], { history }));
    expect(answer).toContain('What is the weather in London?');
    expect(answer).toContain('Weather for London: 12.');
  });

  it('answers a fact that the user told', () => {
    expect(said(decide('What is my name?', [], { history }))).toBe('You told me that your name is Anna.');
  });

  it('understands a follow-up that names only another place', () => {
    expect(calls(decide('And in Paris?', [], { history }))).toEqual([['get_weather', { city: 'Paris' }]]);
  });
});
