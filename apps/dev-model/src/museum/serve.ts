import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Exhibit, Part, Sent } from './exhibit.ts';

/*
 * Serves one row of the museum. The answers of a row follow each other within one conversation (the same task); a
 * conversation that was quiet for a minute begins anew.
 */

const MAX_CONVERSATIONS = 1_000;
const FORGET_MS = 60_000;

export class Museum {
  readonly #asked = new Map<string, { count: number; at: number }>();

  /** The answer for this request. `task` tells conversations apart. */
  next({ name, sent }: Exhibit, task: string, request: object): Sent {
    const key = `${name} ${task}`;
    const now = Date.now();
    const known = this.#asked.get(key);
    const count = known && now - known.at < FORGET_MS ? known.count : 0;
    if (!known && this.#asked.size >= MAX_CONVERSATIONS) this.#asked.clear();
    this.#asked.set(key, { count: count + 1, at: now });
    const offered = sent.filter(({ onlyWith }) => onlyWith === undefined || onlyWith in request);
    const skipped = sent.length - offered.length;
    const answer = offered[Math.min(Math.max(0, count - skipped), offered.length - 1)]!;
    if (answer.wants === undefined || JSON.stringify(request).includes(answer.wants.text)) return answer;
    return answer.wants.otherwise;
  }
}

/** Writes an answer as it stands in its row. */
export async function serve(response: ServerResponse, sent: Sent, signal: AbortSignal): Promise<void> {
  const { status = 200, body, pieceBytes, staysOpen, gzip } = sent;
  const headers = { 'content-type': 'text/event-stream', ...sent.headers };
  const named = Object.entries(headers).filter(([, value]) => value !== '');
  const begin = () =>
    response.headersSent ||
    response.writeHead(status, { ...Object.fromEntries(named), ...(gzip ? { 'content-encoding': 'gzip' } : {}) });
  const write = async (text: string) => {
    begin();
    const bytes = Buffer.from(text);
    const size = pieceBytes ?? Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      if (pieceBytes !== undefined) await nextTurn(undefined, { signal });
    }
  };
  if (gzip) {
    begin();
    return void response.end(gzipSync(body.filter((part) => typeof part === 'string').join('')));
  }
  for (const part of body) {
    if (part === 'RESET') return void response.socket?.resetAndDestroy();
    await play(part, write, signal);
  }
  begin();
  if (!staysOpen) return void response.end();
  response.flushHeaders();
  await sleep(FORGET_MS, undefined, { signal });
}

async function play(part: Exclude<Part, 'RESET'>, write: (text: string) => Promise<void>, signal: AbortSignal) {
  if (typeof part === 'string') return write(part);
  if ('repeat' in part) {
    for (let times = 0; times < part.times; times += 1) {
      await write(part.repeat);
      await sleep(part.pause, undefined, { signal });
    }
    return;
  }
  await sleep(part.pause, undefined, { signal });
}
