import { type IncomingMessage, request } from 'node:http';
import type { Bus, Call, Subscription } from '@switchyard/bus';
import { AppError, type CarriedFrame, httpRequest, type InputOf, type OutputOf } from '@switchyard/contracts';

/*
 * Answers peers for an agent that stands alone behind a bridge, where a bigger organisation has a gateway: each request
 * is handed to the agent's HTTP server on a unix socket, so that no port is opened.
 *
 * A stream is told in pieces as it is written, and ends when its reader goes away.
 */

type Input = InputOf<typeof httpRequest>;
type Output = OutputOf<typeof httpRequest>;

export function answerPeers(
  bus: Pick<Bus, 'answer'>,
  socketPath: string,
  onRequest: (request: { from: string; method: string; resource: string }) => void,
): Promise<Subscription> {
  return bus.answer(httpRequest, async (input, call) => {
    const { fromJid: from, method, resource } = input;
    onRequest({ from, method, resource });
    const answer = await hand(socketPath, input, call.signal);
    const status = answer.statusCode ?? 502;
    const headers = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    );
    return tell(answer, { status, headers }, call);
  });
}

function hand(socketPath: string, { method, resource, headers, body }: Input, signal: AbortSignal) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const bytes = Buffer.from(body, 'base64');
    const asked = request({
      socketPath,
      method,
      path: resource,
      headers: { ...Object.fromEntries(headers), host: 'agent', 'content-length': bytes.length },
      signal,
    });
    asked.once('response', resolve);
    asked.once('error', (error) => reject(new AppError('upstream_failed', undefined, { cause: error })));
    asked.end(bytes);
  });
}

async function tell(answer: IncomingMessage, head: Pick<Output, 'status' | 'headers'>, call: Call): Promise<Output> {
  const streams = (answer.headers['content-type'] ?? '').startsWith('text/event-stream');
  if (streams) call.progress({ head } satisfies CarriedFrame);
  const kept: Buffer[] = [];
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (streams) call.progress({ chunk: piece.toString('base64') } satisfies CarriedFrame);
    else kept.push(piece);
  }
  return { ...head, body: Buffer.concat(kept).toString('base64') };
}
