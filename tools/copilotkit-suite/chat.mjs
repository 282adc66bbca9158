// @ts-check
import { z } from 'zod';

/*
 * A front end without a page: CopilotKit's own client, which talks to a CopilotKit runtime.
 * `node chat.mjs <url of the runtime> <thread>` reads one turn a line from its input and answers each with a line.
 *
 *   {"say": "…"}       a message of the user; where the run waits for a person, it is left waiting
 *   {"approve": true}  the answer to every question of the run that waits
 *   {"stop": "…"}      a message, and the stop button once the first words of the answer are there
 *   {"reload": true}   a new client, which has nothing but the thread's name
 *
 * Each answer: {"said": everything that the assistant said, "waits": ids of open questions, "errors": sentences of the
 * client}.
 */

const [runtimeUrl = '', threadId = ''] = process.argv.slice(2);
const TURN_LIMIT_MS = 60_000;

// The client connects only where there is a page; of the page it needs no more than this.
Object.assign(globalThis, { window: {} });
const { CopilotKitCore } = await import('@copilotkit/core');

/** @type {string[]} */
const errors = [];
let turns = 0;

/** A client that holds nothing yet. */
async function open() {
  const core = new CopilotKitCore({ runtimeUrl });
  core.subscribe({ onError: ({ error, code }) => void errors.push(`${code}: ${error.message}`) });
  core.addTool({
    name: 'paint',
    description: 'Paints the page.',
    parameters: z.object({ color: z.string() }),
    handler: async ({ color }) => `The page is ${color}.`,
  });
  for (const end = Date.now() + TURN_LIMIT_MS; core.runtimeConnectionStatus !== 'connected';) {
    if (Date.now() > end) throw new Error(`the runtime is ${core.runtimeConnectionStatus}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const agent = core.getAgent('switchyard');
  if (agent === undefined) throw new Error('the runtime offers no agent "switchyard"');
  agent.threadId = threadId;
  /** @type {{ waits: string[], words: () => void }} */
  const seen = { waits: [], words: () => undefined };
  agent.subscribe({
    onEvent: ({ event }) => {
      const { outcome } = /** @type {{ outcome?: { interrupts?: { id: string }[] } }} */ (event);
      if (event.type === 'RUN_FINISHED') seen.waits = (outcome?.interrupts ?? []).map(({ id }) => id);
      if (event.type === 'TEXT_MESSAGE_CONTENT') seen.words();
    },
  });
  return { core, agent, seen };
}

/** @param {Awaited<ReturnType<typeof open>>} client @param {Record<string, unknown>} turn */
async function play({ core, agent, seen }, { say, stop, approve, reload }) {
  turns += 1;
  const words = say ?? stop;
  if (reload) return core.connectAgent({ agent });
  if (approve !== undefined) {
    const resume = seen.waits.map((interruptId) => ({
      interruptId,
      status: 'resolved',
      payload: { approved: approve },
    }));
    return agent.runAgent(/** @type {never} */ ({ resume }));
  }
  agent.addMessage({ id: `turn-${turns}`, role: 'user', content: String(words) });
  const ran = core.runAgent({ agent });
  if (stop === undefined) return ran;
  await new Promise((resolve) => (seen.words = () => resolve(undefined)));
  core.stopAgent({ agent });
  return ran;
}

let client = await open();
let rest = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) {
  const lines = `${rest}${chunk}`.split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const turn = JSON.parse(line);
    if (turn.reload) client = await open();
    const { agent, seen } = client;
    errors.length = 0;
    let limit;
    const late = new Promise((_resolve, reject) => {
      limit = setTimeout(() => reject(new Error('the turn took too long')), TURN_LIMIT_MS);
    });
    await Promise.race([play(client, turn), late]).catch((error) => void errors.push(error.message));
    clearTimeout(limit);
    const said = agent.messages.flatMap(({ role, content }) => (role === 'assistant' && content ? [content] : []));
    process.stdout.write(`${JSON.stringify({ said, waits: seen.waits, errors })}
`);
  }
}
process.exit(0);
