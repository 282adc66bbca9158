import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway, parseSse, readUntil } from './http.ts';

/* Streams that are cut and continued elsewhere. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({}, { replicas: 2 });
});
afterAll(() => gateway.stop());

const alice = { 'x-user-id': 'alice' };
const DIALECTS = ['orchestrate', 'ag-ui', 'legacy', 'raw', 'a2a'];
const start = (body: object) =>
  fetch(`${gateway.url}/runs`, {
    method: 'POST',
    headers: { ...alice, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const events = (replica: number, runId: string, query: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.urls[replica]}/runs/${runId}/events?${query}`, { headers: { ...alice, ...headers } });
const withoutKeepAlives = (text: string) =>
  text.replaceAll(/event: server\.keepalive\ndata: .*\n\n/g, '').replaceAll(': ka\n\n', '');

/** Up to the last frame with a cursor, and that cursor: what comes after it is told again. */
function kept(text: string): { text: string; cursor: string | undefined } {
  const frames = withoutKeepAlives(text).split('\n\n').slice(0, -1);
  const last = frames.findLastIndex((frame) => /^id: /m.test(frame));
  return {
    text: frames
      .slice(0, last + 1)
      .map((frame) => `${frame}\n\n`)
      .join(''),
    cursor: /^id: (.*)$/m.exec(frames[last] ?? '')?.[1],
  };
}

describe('a stream that is cut after every k-th frame', () => {
  it.each(DIALECTS)('has the same bytes as an unbroken one, whichever replica continues it: %s', async (dialect) => {
    for (const [k, scenario] of [
      [1, 'tool'],
      [3, 'parallel'],
      [7, 'computer-use'],
    ] as const) {
      const runId = `cut-${dialect}-${k}`;
      await start({ task: `play ${scenario} 3`, run_id: runId });
      const query = `dialect=${dialect}&live=false`;
      const whole = events(0, runId, query).then((response) => response.text());
      let union = '';
      let cursor: string | undefined;
      for (let replica = 1; ; replica = 1 - replica) {
        const response = await events(replica, runId, query, cursor === undefined ? {} : { 'last-event-id': cursor });
        if (response.status === 204) break;
        const part = kept(await readUntil(response, (text) => (text.match(/^id: /gm) ?? []).length >= k));
        union += part.text;
        cursor = part.cursor ?? cursor;
      }
      expect(union).toBe(withoutKeepAlives(await whole));
    }
  });

  it('says no message twice, also where the text is spoken meanwhile', async () => {
    const runId = 'cut-live';
    await start({ task: 'play tool 20', run_id: runId });
    let union = '';
    let cursor: string | undefined;
    for (let replica = 0; ; replica = 1 - replica) {
      const response = await events(
        replica,
        runId,
        'dialect=ag-ui',
        cursor === undefined ? {} : { 'last-event-id': cursor },
      );
      if (response.status === 204) break;
      const part = kept(await readUntil(response, (text) => (text.match(/^id: /gm) ?? []).length >= 2));
      union += part.text;
      cursor = part.cursor ?? cursor;
    }
    const said = (text: string) =>
      parseSse(text)
        .map(({ data }) => data as { type: string; messageId?: string; delta?: string })
        .filter(({ type, messageId }) => type === 'TEXT_MESSAGE_CONTENT' && messageId === 'cut-live-msg-answer')
        .map(({ delta }) => delta)
        .join('');
    expect(said(union)).toBe('It is 15 °C in London.');
  });

  it('goes on over the time in which the run waits for a person', async () => {
    await start({ task: 'play approval', run_id: 'cut-asked' });
    const whole = events(0, 'cut-asked', 'dialect=ag-ui&live=false').then((response) => response.text());
    const first = kept(
      await readUntil(await events(1, 'cut-asked', 'dialect=ag-ui&live=false'), (text) => text.includes('"interrupt"')),
    );
    await fetch(`${gateway.url}/runs/cut-asked/approvals/ask-step-mcp-001`, {
      method: 'POST',
      headers: { ...alice, 'content-type': 'application/json' },
      body: '{"decision":"approve"}',
    });
    const rest = await (
      await events(1, 'cut-asked', 'dialect=ag-ui&live=false', { 'last-event-id': first.cursor! })
    ).text();
    expect(first.text + withoutKeepAlives(rest)).toBe(withoutKeepAlives(await whole));
  });
});

describe('a replica that stops', () => {
  it('ends its streams without a terminal frame; the other one continues them to their end', async () => {
    const own = await startTestGateway({}, { replicas: 2 });
    const headers = alice;
    const response = await fetch(`${own.urls[0]}/orchestrate/stream?task=play%20tool%20100&run_id=moved`, { headers });
    const text = response.text();
    await until(async () => (await fetch(`${own.urls[1]}/runs/moved`, { headers })).status === 200);
    await own.gateways[0]!.stop();
    const first = kept(await text);
    expect(first.text).not.toMatch(/response\.(completed|failed)/);
    const rest = await fetch(`${own.urls[1]}/runs/moved/events`, {
      headers: { ...headers, 'last-event-id': first.cursor! },
    });
    const whole = await fetch(`${own.urls[1]}/runs/moved/events`, { headers });
    expect(first.text + withoutKeepAlives(await rest.text())).toBe(withoutKeepAlives(await whole.text()));
    await own.stop();
  });
});

describe('history that is no longer kept', () => {
  it('answers 410 and says where the run can still be read', async () => {
    await start({ task: 'play tool', run_id: 'old' });
    await until(async () => {
      const run = (await (await fetch(`${gateway.url}/runs/old`, { headers: alice })).json()) as { phase: string };
      return run.phase === 'ended';
    });
    gateway.orchestrator.expired.add('old');
    for (const query of ['', 'after=3', 'dialect=ag-ui&mode=snapshot', 'dialect=raw&after=old:1']) {
      const response = await events(0, 'old', query);
      expect([response.status, await response.json()]).toMatchObject([
        410,
        { code: 'history_expired', run_id: 'old', snapshot_url: '/runs/old' },
      ]);
    }
    expect((await events(0, 'old', 'after=16')).status).toBe(204);
    expect((await fetch(`${gateway.url}/runs/old`, { headers: alice })).status).toBe(200);
  });
});

describe('a run that is to stop without its clients', () => {
  it('is said to be watched while somebody sees it on any replica, once per replica, and no longer', async () => {
    const { watched } = gateway.orchestrator;
    const leave = new AbortController();
    const open = (replica: number, signal?: AbortSignal) =>
      fetch(`${gateway.urls[replica]}/orchestrate/stream`, {
        method: 'POST',
        headers: { ...alice, 'content-type': 'application/json' },
        body: JSON.stringify({ task: 'hang', run_id: 'seen', on_disconnect: 'grace:7' }),
        ...(signal === undefined ? {} : { signal }),
      });
    const streams = [await open(0, leave.signal), await open(0, leave.signal), await open(1, leave.signal)];
    await until(() => watched.filter(({ runId }) => runId === 'seen').length >= 2);
    expect(watched.find(({ runId }) => runId === 'seen')).toMatchObject({ forMs: 12_000 });
    expect(watched.filter(({ runId }) => runId === 'seen').length).toBeLessThanOrEqual(4);
    leave.abort();
    for (const stream of streams) await stream.text().catch(() => undefined);
    await until(async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('sse_connections{app="gateway"} 0'),
    );
    const then = watched.length;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(watched.length).toBe(then);
    expect(watched.some(({ runId }) => runId.startsWith('cut-'))).toBe(false);
  });
});

describe('clients that connect and vanish', () => {
  it('leave no subscription, stream, timer or handle, five hundred times over', async () => {
    await start({ task: 'hang', run_id: 'busy' });
    const resources = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'TCPSocketWrap').length;
    await until(async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('sse_connections{app="gateway"} 0'),
    );
    const [subscriptions, before] = [gateway.hub.subscriptionCount(), resources()];
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 25 }, async (_, i) => {
          const gone = new AbortController();
          const response = await fetch(
            `${gateway.urls[i % 2]}/runs/busy/events?dialect=${DIALECTS[i % DIALECTS.length]}`,
            {
              headers: alice,
              signal: gone.signal,
            },
          );
          expect(response.status).toBe(200);
          gone.abort();
          await response.text().catch(() => undefined);
        }),
      );
    }
    await until(() => gateway.hub.subscriptionCount() === subscriptions);
    for (const url of gateway.urls)
      await until(async () =>
        (await (await fetch(`${url}/metrics`)).text()).includes('sse_connections{app="gateway"} 0'),
      );
    await until(() => resources() <= before + 5);
  });
});
