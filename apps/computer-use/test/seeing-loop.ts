import type { ScreenAction } from '@switchyard/contracts';
import type { ActOutcome, Computer, Frame } from '../src/computer/index.ts';

/*
 * The shortest loop that a seeing model can be tried with: look, ask the worker, ask where, act. All that the model gets is
 * an HTTP request with the task, its earlier turns and one image.
 */

export interface LoopEnd {
  readonly done: boolean;
  readonly said: string;
  readonly turns: number;
}

interface ModelCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

const MAX_TURNS = 40;
const STUCK_AFTER = 5;
const NOTCHES: Record<string, readonly [number, number]> = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };

async function ask(url: string, functions: readonly string[], text: string, frame: Frame): Promise<ModelCall> {
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${frame.png.toString('base64')}` } };
  const body = {
    model: 'dev-model',
    messages: [{ role: 'user', content: [{ type: 'text', text }, image] }],
    tools: functions.map((name) => ({ type: 'function', function: { name, parameters: {} } })),
  };
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as {
    choices: { message: { tool_calls: { function: { name: string; arguments: string } }[] } }[];
  };
  const { name, arguments: args } = answer.choices[0]!.message.tool_calls[0]!.function;
  return { name, arguments: JSON.parse(args) as Record<string, unknown> };
}

/** Does a task on a screen and says how it ended. */
export async function doTask(url: string, computer: Computer, task: string, maxTurns = MAX_TURNS): Promise<LoopEnd> {
  const lines: string[] = [];
  let repeated = { what: '', times: 0 };
  for (let turn = 1; turn <= maxTurns; turn++) {
    const frame = await computer.frame();
    const text = [`Task: ${task}`, ...lines, `Screen: ${frame.width}x${frame.height}`].join('\n');
    const call = await ask(url, ['click', 'done', 'fail'], text, frame);
    const end = (done: boolean, said: unknown): LoopEnd => ({ done, said: String(said), turns: turn });
    if (call.name === 'done') return end(true, call.arguments['answer']);
    if (call.name === 'fail') return end(false, call.arguments['reason']);
    const points = await pointsOf(url, call, frame);
    const actions = points ? actionsOf(call, points) : [];
    let outcome: ActOutcome | undefined;
    for (const action of actions) outcome = await computer.act(action);
    const what = `${call.name} ${JSON.stringify(call.arguments)}`;
    const changed = outcome !== undefined && outcome.frame.sha256 !== frame.sha256;
    lines.push(`Turn ${turn}: ${call.name}: ${changed ? 'the screen changed' : 'nothing on the screen changed'}`);
    const seen = `${what} @ ${frame.sha256}`;
    repeated = { what: seen, times: repeated.what === seen ? repeated.times + 1 : 1 };
    if (call.name !== 'wait' && repeated.times >= STUCK_AFTER) return end(false, `stuck: ${what}`);
  }
  return { done: false, said: 'out of turns', turns: maxTurns };
}

/** Where the things of a call are; undefined where one of them is not seen. */
async function pointsOf(url: string, call: ModelCall, frame: Frame): Promise<{ x: number; y: number }[] | undefined> {
  const targets = ['target', 'from', 'to'].flatMap((name) => (name in call.arguments ? [call.arguments[name]] : []));
  const points: { x: number; y: number }[] = [];
  for (const target of targets) {
    const text = `Find: ${String(target)}\nImage: ${frame.width}x${frame.height}`;
    const found = await ask(url, ['point', 'not_found'], text, frame);
    if (found.name !== 'point') return undefined;
    points.push(found.arguments as { x: number; y: number });
  }
  return points;
}

function actionsOf(call: ModelCall, points: readonly { x: number; y: number }[]): ScreenAction[] {
  const [at, to] = points;
  const args = call.arguments;
  if (call.name === 'wait') return [{ kind: 'wait', ms: Number(args['ms']) }];
  if (!at) return [];
  if (call.name === 'type') {
    const text = String(args['text']);
    return [
      { kind: 'click', ...at, button: 'left' },
      { kind: 'key', keys: ['ctrl', 'a'] },
      { kind: 'type', text },
    ];
  }
  if (call.name === 'drag' && to) return [{ kind: 'drag', path: [at, to] }];
  if (call.name === 'scroll') {
    const [dx, dy] = NOTCHES[String(args['direction'])] ?? [0, 0];
    const notches = Number(args['notches']);
    return [{ kind: 'scroll', ...at, dx: dx * notches, dy: dy * notches }];
  }
  return [{ kind: 'click', ...at, button: 'left' }];
}
