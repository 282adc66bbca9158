import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { linkAbort } from '@switchyard/platform';
import { z } from 'zod';
import { imagesIn, readConversation } from './conversation.ts';
import { exhibitOf } from './museum/index.ts';
import { Museum, serve } from './museum/serve.ts';
import { ChatRequest, completionBody, completionFrames, errorBody } from './openai.ts';
import type { Completion } from './openai.ts';
import { replyTo } from './reply.ts';
import { RequestLog } from './request-log.ts';
import type { RequestEntry } from './request-log.ts';
import { Script, ScriptedAnswers, ScriptedResponse } from './script.ts';
import type { ScriptInput } from './script.ts';

export interface DevModelOptions {
  /** 0 = any free port. */
  port: number;
  host?: string;
  script?: ScriptInput;
  /** Pause before each streamed chunk, or once before an answer that is not streamed. */
  delayMs?: number;
}

export interface DevModel {
  /** Base for clients: `${url}/v1`. */
  url: string;
  port: number;
  setScript(script: ScriptInput): void;
  requests(): readonly RequestEntry[];
  /** All requests since the start or the last `clearRequests`, including those that are no longer kept. */
  totalRequests(): number;
  clearRequests(): void;
  stop(): Promise<void>;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_SCRIPT_BYTES = 4 * 1024 * 1024;
/** One answer may be scripted per request: a JSON `respond` object. */
const RESPOND_HEADER = 'x-dev-model-respond';

/**
 * Starts the development model.
 * - The same request gets the same answer; ids and times aside.
 * - Without a delay an answer leaves in one write.
 * - Scripts and kept requests are bounded: 1,000 rules, 100 requests, 16 MB a body.
 */
export async function createDevModel(options: DevModelOptions): Promise<DevModel> {
  const log = new RequestLog();
  const answers = new ScriptedAnswers();
  const museum = new Museum();
  const setScript = (script: ScriptInput): void => answers.set(Script.parse(script));
  if (options.script) setScript(options.script);

  const stopping = new AbortController();
  const newId = idMaker();

  const chat = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) return sendError(response, 413, { message: 'The request body is too large.' });
    const parsed = ChatRequest.safeParse(parseJson(body));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      return sendError(response, 400, {
        message: issue?.message ?? 'Invalid request.',
        param: issue?.path.join('.') ?? null,
      });
    }
    const chatRequest = parsed.data;
    const conversation = readConversation(chatRequest.messages);
    const exhibit = exhibitOf(chatRequest.model);
    const perRequest = scriptOfHeader(request.headers[RESPOND_HEADER]);
    const rule = perRequest ? undefined : answers.take(conversation, chatRequest.model);
    const script = perRequest ?? rule?.respond;
    const completion = replyTo(chatRequest, conversation, body.length, script, newId, Date.now());
    const entry = log.add({
      at: Date.now(),
      model: chatRequest.model,
      stream: chatRequest.stream === true,
      task: conversation.task.slice(0, 500),
      turn: conversation.turn,
      messages: chatRequest.messages.length,
      images: imagesIn(chatRequest.messages),
      functions: (chatRequest.tools ?? []).map((tool) => tool.function.name).slice(0, 100),
      answered: exhibit ? 'museum' : answeredBy(script, completion),
      calls: completion.toolCalls.map(({ name }) => name),
      status: script?.status ?? 200,
      ...(rule ? { rule: rule.index } : {}),
    });
    const gone = linkAbort([stopping.signal]);
    response.once('close', () => {
      gone.release();
      if (response.writableFinished) return;
      entry.aborted = true;
      gone.abort();
    });
    if (exhibit) return serve(response, museum.next(exhibit, conversation.task, chatRequest), gone.signal);
    await answer(response, chatRequest, completion, script, options.delayMs ?? 0, gone.signal);
  };

  const server = createServer((request, response) => {
    response.setHeader('x-request-id', newId('req_'));
    route(request, response).catch((error: unknown) => {
      if (stopping.signal.aborted || response.destroyed) return response.destroy();
      if (response.headersSent) return response.destroy();
      sendError(response, 500, { message: error instanceof Error ? error.message : 'Unknown error' });
    });
  });

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?', 1)[0];
    switch (`${request.method} ${path}`) {
      case 'POST /v1/chat/completions':
      case 'POST /chat/completions':
        return chat(request, response);
      case 'GET /v1/models':
        return sendJson(response, 200, {
          object: 'list',
          data: [{ id: 'dev-model', object: 'model', created: 0, owned_by: 'switchyard' }],
        });
      case 'GET /health':
        return sendJson(response, 200, { status: 'ok' });
      case 'GET /requests':
        return sendJson(response, 200, { total: log.total, requests: log.last() });
      case 'DELETE /requests':
        log.clear();
        return sendJson(response, 200, { total: 0 });
      case 'PUT /script': {
        const body = await readBody(request, MAX_SCRIPT_BYTES);
        if (body === undefined) return sendError(response, 413, { message: 'The script is too large.' });
        const script = Script.safeParse(parseJson(body));
        if (!script.success) return sendError(response, 400, { message: z.prettifyError(script.error) });
        answers.set(script.data);
        return sendJson(response, 200, { rules: script.data.rules.length });
      }
      default:
        return sendError(response, 404, { message: `Invalid URL (${request.method} ${path})` });
    }
  };

  // Benchmarks keep thousands of idle connections; a client may not reuse one while a short keep-alive closes it.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    setScript,
    requests: () => log.last(),
    totalRequests: () => log.total,
    clearRequests: () => log.clear(),
    stop: async () => {
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  response: ServerResponse,
  request: ChatRequest,
  completion: Completion,
  script: ScriptedResponse | undefined,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  const stallMs = script?.stallMs ?? 0;
  const stallAfter = script?.stallAfterChunks ?? 0;
  const pause = script?.delayMs ?? delayMs;
  if (stallMs > 0 && stallAfter === 0) await sleep(stallMs, undefined, { signal });
  for (const [name, value] of Object.entries(script?.headers ?? {})) response.setHeader(name, value);
  if (script?.status !== undefined) {
    return sendError(
      response,
      script.status,
      script.error ?? { message: `Scripted answer with status ${script.status}.` },
    );
  }
  const streamed = request.stream === true;
  const contentType = streamed ? 'text/event-stream; charset=utf-8' : 'application/json';
  if (!streamed || script?.raw !== undefined) {
    if (pause > 0) await sleep(pause, undefined, { signal });
    const body = script?.raw ?? completionBody(completion);
    response.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    if (script?.truncate) return breakOff(response, body.slice(0, Math.ceil(body.length / 2)));
    return void response.end(body);
  }
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache' });
  const frames = completionFrames(completion, request.stream_options?.include_usage === true);
  if (script?.truncate) return breakOff(response, frames.slice(0, Math.ceil(frames.length / 2)).join(''));
  if (pause === 0 && stallAfter === 0) return void response.end(frames.join(''));
  for (const [index, frame] of frames.entries()) {
    if (stallAfter > 0 && index === stallAfter) await sleep(stallMs, undefined, { signal });
    if (pause > 0) await sleep(pause, undefined, { signal });
    if (!response.write(frame)) await drained(response, signal);
  }
  response.end();
}

function breakOff(response: ServerResponse, part: string): void {
  response.write(part, () => response.socket?.resetAndDestroy());
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => reject(new Error('The client left.')), { once: true });
  });
}

function answeredBy(script: ScriptedResponse | undefined, completion: Completion): RequestEntry['answered'] {
  if (script?.status !== undefined) return 'error';
  if (script?.raw !== undefined) return 'raw';
  if (completion.toolCalls.length > 0) return 'tool_calls';
  return completion.text ? 'text' : 'empty';
}

/** Ids that no other start of this server has given out. */
function idMaker(): (prefix: string) => string {
  const start = randomBytes(6).toString('hex');
  let count = 0;
  return (prefix) => `${prefix}${start}${(count += 1).toString(36).padStart(6, '0')}`;
}

function scriptOfHeader(header: string | string[] | undefined): ScriptedResponse | undefined {
  if (typeof header !== 'string') return undefined;
  return ScriptedResponse.parse(parseJson(header));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body as text; undefined where it is larger than `limit` bytes. */
async function readBody(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}

function sendError(response: ServerResponse, status: number, error: Parameters<typeof errorBody>[1]): void {
  const body = errorBody(status, error);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}
