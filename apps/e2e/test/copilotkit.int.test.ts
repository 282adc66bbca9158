import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { installedSuite } from '@switchyard/testing';
import { startSystem, type System } from '../src/index.ts';

/* CopilotKit in front of /ag-ui: its runtime and its own client, each a process of its own, as in an application. */

interface Answered {
  /** Everything that the assistant said in this thread. */
  readonly said: readonly string[];
  readonly waits: readonly string[];
  readonly errors: readonly string[];
}

const LONG = 'A poem that is spoken slowly, word by word, until it is whole.';

let system: System;
const children: ChildProcessWithoutNullStreams[] = [];
let play: (turn: object) => Promise<Answered>;

function start(program: string, args: readonly string[]): { child: ChildProcessWithoutNullStreams; lines: Interface } {
  // No word of usage leaves this machine.
  const env = { PATH: process.env['PATH'], COPILOTKIT_TELEMETRY_DISABLED: 'true', DO_NOT_TRACK: '1' };
  const child = spawn(process.execPath, [program, ...args], { env });
  children.push(child);
  child.stderr.pipe(process.stderr);
  return { child, lines: createInterface(child.stdout) };
}

beforeAll(async () => {
  const [suite, started] = await Promise.all([installedSuite('copilotkit-suite'), startSystem()]);
  system = started;
  system.model.setScript({
    rules: [
      { when: { taskIncludes: 'poem' }, respond: { text: LONG, delayMs: 60 } },
      {
        when: { taskIncludes: 'colour it', turn: 1 },
        respond: { toolCalls: [{ name: 'paint', arguments: { color: 'red' } }] },
      },
      { when: { lastToolName: 'paint' }, respond: { text: 'It is painted.' } },
    ],
  });
  const runtime = start(join(suite, 'runtime.mjs'), [`${system.gateway}/ag-ui`, 'ada']);
  const [url] = (await runtime.lines[Symbol.asyncIterator]().next()).value.split('\n') as [string];
  const { child, lines } = start(join(suite, 'chat.mjs'), [url, 'a talk through CopilotKit']);
  const answers = lines[Symbol.asyncIterator]();
  play = async (turn) => {
    child.stdin.write(`${JSON.stringify(turn)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('the client ended');
    return JSON.parse(value) as Answered;
  };
}, 300_000);

afterAll(async () => {
  for (const child of children) child.kill();
  await system?.stop();
});

it('holds ten turns with an approval, a tool of the page, a stop and a reload, each with its own answer', async () => {
  let latest: Answered = { said: [], waits: [], errors: [] };
  /** One turn that ends with one new answer. */
  const gets = async (turn: object, answer: RegExp) => {
    const before = latest.said;
    latest = await play(turn);
    expect(latest).toEqual({ said: [...before, expect.stringMatching(answer)], waits: [], errors: [] });
  };
  await gets({ say: 'What is the weather in London?' }, /London/);
  await gets({ say: 'and in Paris?' }, /Paris/);
  await gets({ say: 'calculate 6*7' }, /42/);
  await gets({ say: 'add a note called k1 with the text one' }, /k1/);

  const asked = await play({ say: 'First calculate 2*21, then delete the note k1' });
  expect(asked).toEqual({ said: latest.said, waits: [expect.any(String)], errors: [] });
  await gets({ approve: true }, /42/);

  await gets({ say: 'colour it' }, /It is painted\./);
  latest = await play({ stop: 'say a poem' });
  expect(latest.said.at(-1)).not.toBe(LONG);
  await gets({ say: 'calculate 5*5' }, /25/);
  await gets({ say: 'calculate 10*10' }, /100/);

  // CopilotKit's store of events moves an answer that was stopped in the middle to the end; each is there once.
  const reloaded = await play({ reload: true });
  expect({ ...reloaded, said: [...reloaded.said].sort() }).toEqual({ ...latest, said: [...latest.said].sort() });
  latest = reloaded;
  await gets({ say: 'What is the weather in Oslo?' }, /Oslo/);
}, 180_000);
