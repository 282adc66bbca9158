// @ts-check
/*
 * Runs in a pod beside the release: starts COUNT runs evenly over SECONDS, every second one as a stream, and goes on whatever
 * happens to the pods behind the gateway. A broken request is repeated with the same Idempotency-Key, a broken stream is
 * continued after its cursor. Afterwards it reads every journal. The last line is what it saw, as JSON.
 */

const { GATEWAY_URL = '', TOKEN = '', COUNT = '200', SECONDS = '120', LABEL = 'load' } = process.env;
const TASK = 'first calculate 6*7, then what is the weather in London, and what is 17% of 2340?';
const LIMIT_MS = 240_000;
const PAUSE_MS = 500;
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} path @param {RequestInit} [options] */
const ask = (path, options = {}) =>
  fetch(new URL(path, GATEWAY_URL), {
    signal: AbortSignal.timeout(60_000),
    ...options,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...options.headers },
  });

const seen = { refused: 0, broken: 0, continued: 0, repeated: 0, longestMs: 0, /** @type {string[]} */ wrong: [] };
/** @type {Map<string, number>} */
const why = new Map();
const note = (/** @type {unknown} */ reason) => {
  const cause = reason instanceof Error ? (/** @type {any} */ (reason.cause)?.code ?? reason.message) : String(reason);
  why.set(cause, (why.get(cause) ?? 0) + 1);
};

/** One whole answer, however often it has to be asked for. @param {string} key @returns {Promise<string>} */
async function answer(key) {
  for (const until = Date.now() + LIMIT_MS; Date.now() < until; await sleep(PAUSE_MS)) {
    try {
      const headers = { 'idempotency-key': key };
      const got = await ask('/orchestrate', { method: 'POST', headers, body: JSON.stringify({ task: TASK }) });
      const text = await got.text();
      if (got.status === 200) return got.headers.get('x-run-id') ?? JSON.parse(text).run_id;
      seen.refused += 1;
      note(`${got.status} ${text.slice(0, 80)}`);
    } catch (error) {
      seen.broken += 1;
      note(error);
    }
    seen.repeated += 1;
  }
  throw new Error('no answer');
}

/** @param {{cursor: number, ends: number, runId: string}} state @param {string} line */
function take(state, line) {
  const id = /^id: (.+):(\d+)$/.exec(line);
  if (id !== null) {
    const seq = Number(id[2]);
    if (seq <= state.cursor) throw new TypeError(`a double: ${line} after ${state.cursor}`);
    state.cursor = seq;
    state.runId = id[1] ?? '';
  }
  if (/^event: (response|task)\.(completed|failed)|^data: .*"type":"orchestrator\.task\.completed"/.test(line))
    state.ends += 1;
}

/** One stream to its end, over as many connections as it takes. @param {string} key @returns {Promise<string>} */
async function stream(key) {
  const state = { cursor: 0, ends: 0, runId: '' };
  for (const until = Date.now() + LIMIT_MS; Date.now() < until; await sleep(PAUSE_MS)) {
    try {
      const from = state.runId === '' ? undefined : `${state.runId}:${state.cursor}`;
      const got =
        from === undefined
          ? await ask('/orchestrate/stream', {
              method: 'POST',
              headers: { 'idempotency-key': key },
              body: JSON.stringify({ task: TASK }),
            })
          : await ask(`/runs/${state.runId}/events`, { headers: { 'last-event-id': from } });
      if (from !== undefined) seen.continued += 1;
      if (got.status === 204 && state.ends === 1) return state.runId;
      if (got.status !== 200 || got.body === null) {
        seen.refused += 1;
        note(`${got.status} ${(await got.text()).slice(0, 80)}`);
        continue;
      }
      let rest = '';
      for await (const part of got.body.pipeThrough(new globalThis.TextDecoderStream())) {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) take(state, line.trimEnd());
      }
      if (state.ends > 1) throw new TypeError(`${state.ends} ends of a stream`);
      if (state.ends === 1) return state.runId;
    } catch (error) {
      if (error instanceof TypeError && error.cause === undefined && /double|ends of/.test(error.message)) throw error;
      seen.broken += 1;
      note(error);
    }
  }
  throw new Error('the stream came to no end');
}

/** @param {string} runId */
async function judge(runId) {
  const got = await ask(`/runs/${runId}/events?dialect=raw&after=0`);
  const text = await got.text();
  const numbers = [...text.matchAll(/^id: .+:(\d+)$/gm)].map(([, number]) => Number(number));
  const ends = (text.match(/"type":\s*"(?:[\w.]+\.)?orchestrator\.task\.completed"/g) ?? []).length;
  const { status } = await (await ask(`/runs/${runId}`)).json();
  if (ends !== 1) seen.wrong.push(`${runId}: ${ends} ends`);
  if (numbers.some((number, at) => number !== at + 1)) seen.wrong.push(`${runId}: its journal has a hole: ${numbers}`);
  if (status !== 'success') seen.wrong.push(`${runId}: ${status}`);
}

const began = Date.now();
const count = Number(COUNT);
const pause = (Number(SECONDS) * 1_000) / count;
const runs = await Promise.all(
  Array.from({ length: count }, async (_, n) => {
    await sleep(n * pause);
    const at = Date.now();
    try {
      return await (n % 2 === 0 ? stream : answer)(`${LABEL}-${n}`);
    } catch (error) {
      seen.wrong.push(`${n}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    } finally {
      seen.longestMs = Math.max(seen.longestMs, Date.now() - at);
    }
  }),
);
const ids = new Set(runs.filter((id) => id !== undefined));
if (ids.size !== count) seen.wrong.push(`${count} keys became ${ids.size} runs`);
for (const id of ids) await judge(id);
console.log([...why].map(([cause, times]) => `${times} x ${cause}`).join('\n'));
console.log(JSON.stringify({ runs: ids.size, seconds: Math.round((Date.now() - began) / 1_000), ...seen }));
