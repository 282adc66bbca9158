// What a scenario may do with a system and its runs.
import { fromCloudEvent, TERMINAL_TYPE } from '../../libs/contracts/dist/index.js';
import { headersOf, parseSse } from '../../apps/e2e/dist/index.js';

const LIMIT_MS = 120_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Recorder {
  #system;

  constructor(system) {
    this.#system = system;
  }

  async call(path, body, caller = {}) {
    const answer = await fetch(`${this.#system.gateway}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: headersOf(caller),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  script(...rules) {
    return this.#system.setScript({ rules });
  }

  /** Starts a run and answers its id. */
  async start(task, more = {}) {
    return (await this.call('/runs', { task, ...more })).run_id;
  }

  cancel(runId) {
    return this.call(`/runs/${runId}/cancel`, {});
  }

  answer(runId, approvalId, answer) {
    return this.call(`/runs/${runId}/approvals/${approvalId}`, answer);
  }

  /** Waits until the journal holds so many events of this type. */
  async until(runId, type, count = 1) {
    for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(25)) {
      const page = await this.#page(runId);
      if (page.filter((event) => event.type === type).length >= count) return page;
    }
    throw new Error(`${runId}: no ${type} within ${LIMIT_MS} ms`);
  }

  /** The ids of the questions that the run asks now. */
  async questions(runId, count = 1) {
    const page = await this.until(runId, 'orchestrator.approval.requested', count);
    return page.filter(({ type }) => type === 'orchestrator.approval.requested').map(({ data }) => data.approval_id);
  }

  stopOrchestrator(index) {
    return this.#system.stopOrchestrator(index);
  }

  /** Ends every process of an app with SIGKILL; each is started again. Only with `processes`. */
  kill(app) {
    this.#system.kill(app);
  }

  /** From now on every process of an app ends with SIGKILL when it comes to this point. Only with `processes`. */
  dieAt(app, point) {
    this.#system.dieAt(app, point);
  }

  async #page(runId) {
    const url = `${this.#system.gateway}/runs/${runId}/events?dialect=raw`;
    const stop = new AbortController();
    const answer = await fetch(url, { headers: headersOf({}), signal: stop.signal });
    let text = '';
    const timer = setTimeout(() => stop.abort(), 150);
    try {
      const decoder = new TextDecoder();
      for await (const chunk of answer.body) text += decoder.decode(chunk, { stream: true });
    } catch {
      // The stream stops; the events that came so far are the result.
    }
    clearTimeout(timer);
    return parseSse(text.slice(0, text.lastIndexOf('\n\n') + 2)).map(({ data }) => data);
  }

  /** Waits for the end of a run and returns its journal; asks again while no service answers. */
  async journal(runId) {
    const url = `${this.#system.gateway}/runs/${runId}/events?dialect=raw`;
    const signal = AbortSignal.timeout(LIMIT_MS);
    for (; ; await sleep(500)) {
      const answer = await fetch(url, { headers: headersOf({}), signal });
      const events = parseSse(await answer.text())
        .map(({ data }) => fromCloudEvent(data))
        .filter((event) => event !== undefined);
      if (events.at(-1)?.type === TERMINAL_TYPE) return events;
    }
  }
}
