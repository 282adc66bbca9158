import { headersOf } from '../../client.ts';
import type { ClientDialect } from './workload.ts';

/** One event of a stream, byte for byte. */
export interface SeenFrame {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** True for the last frame of a stream. */
export function isTerminal(dialect: ClientDialect, { event, data }: SeenFrame): boolean {
  if (dialect === 'raw') return event === 'orchestrator.task.completed';
  if (dialect === 'orchestrate') return event === 'response.completed';
  return /^\{"type":"RUN_(FINISHED|ERROR)"/.test(data);
}

/** The whole stream, read without an interruption. */
export async function readWhole(
  gateway: string,
  dialect: ClientDialect,
  runId: string,
  user: string,
): Promise<SeenFrame[]> {
  const answer = await fetch(`${gateway}/runs/${runId}/events?dialect=${dialect}`, {
    headers: headersOf({ user }),
    signal: AbortSignal.timeout(30_000),
  });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status} for the events of ${runId}`);
  return (await answer.text()).split('\n\n').flatMap((text) => parseFrame(text) ?? []);
}

/** One event of a stream; undefined for a comment that only keeps the stream alive. */
export function parseFrame(text: string): SeenFrame | undefined {
  const lines = text.split('\n').filter((line) => !line.startsWith(':'));
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field('data');
  const id = field('id') ?? null;
  const event = field('event') ?? 'message';
  if ((data === undefined && id === null) || event === 'server.keepalive') return undefined;
  return { event, id, data: data ?? '' };
}
