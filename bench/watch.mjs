// Clients of the gateway for the benches: a task, and a stream of which each frame is timed as it arrives.
import { Agent, request } from 'node:http';

export const quantile = (values, q) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
};

/** Says what the model answers from now on: `rules` as in apps/dev-model/README.md. */
export async function script(model, rules) {
  const answer = await fetch(`${model}/script`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ rules }),
  });
  if (!answer.ok) throw new Error(`the script was refused: ${await answer.text()}`);
}

/** A task of `turns` calls of a tool, each about `pauseMs` of thinking apart, then the answer. */
export const slowTask = (word, turns, pauseMs) => [
  {
    when: { taskIncludes: word, turn: turns + 1 },
    respond: { text: 'done' },
  },
  {
    when: { taskIncludes: word },
    respond: {
      stallMs: pauseMs,
      toolCalls: [{ name: 'calculator', arguments: { expression: '6*7' } }],
    },
  },
];

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

/** Starts a run; answers its id. */
export async function start(gateway, body, user = 'bench') {
  const answer = await fetch(`${gateway}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': user },
    body: JSON.stringify(body),
  });
  if (answer.status !== 202) throw new Error(`not accepted: HTTP ${answer.status} ${await answer.text()}`);
  return (await answer.json()).run_id;
}

/**
 * Follows a run in the raw dialect; `onFrame({id, data, at})` for each frame. Resolves at the end of the stream with
 * the number of frames and bytes; `opened` (a promise of the result) resolves with the first byte.
 */
export function follow(gateway, runId, { after = 0, user = 'bench', onFrame = () => undefined } = {}) {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  const done = new Promise((resolve, reject) => {
    const began = performance.now();
    const call = request(
      `${gateway}/runs/${runId}/events?dialect=raw&after=${runId}:${after}`,
      { agent, headers: { 'x-user-id': user } },
      (answer) => {
        let text = '';
        let bytes = 0;
        let frames = 0;
        let firstMs = 0;
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => {
          firstMs ||= performance.now() - began;
          open();
          bytes += chunk.length;
          text += chunk;
          const at = Date.now();
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            const frame = text.slice(0, end);
            text = text.slice(end + 2);
            const data = /^data: (.*)$/m.exec(frame)?.[1];
            if (data === undefined) continue;
            frames += 1;
            onFrame({ id: /^id: (.*)$/m.exec(frame)?.[1], data: JSON.parse(data), at });
          }
        });
        answer.on('end', () =>
          resolve({ frames, bytes, firstMs, ms: performance.now() - began, status: answer.statusCode }),
        );
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end();
  });
  return { opened, done };
}
