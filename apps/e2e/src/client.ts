/** A small client of the HTTP interface, for tests. */

export interface SseEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

export interface Caller {
  readonly user?: string;
  readonly role?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function headersOf({ user = 'u1', role, headers }: Caller): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-user-id': user,
    ...(role === undefined ? {} : { 'x-user-role': role }),
    ...headers,
  };
}

/** Starts a run and reads its stream to the end. */
export async function stream(gateway: string, body: object, caller: Caller = {}): Promise<SseEvent[]> {
  const answer = await fetch(`${gateway}/orchestrate/stream`, {
    method: 'POST',
    headers: headersOf(caller),
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
  return parseSse(await answer.text());
}

/** Events of a whole stream; comments are left out. */
export function parseSse(text: string): SseEvent[] {
  return text
    .split('\n\n')
    .map((frame) => frame.split('\n').filter((line) => !line.startsWith(':')))
    .filter((lines) => lines.some((line) => line.startsWith('data:')))
    .map((lines) => {
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      return {
        event: field('event') ?? 'message',
        id: field('id'),
        data: JSON.parse(field('data') ?? '{}') as Record<string, unknown>,
      };
    });
}

export const named = (events: readonly SseEvent[], name: string) => events.filter(({ event }) => event === name);
export const dataOf = (events: readonly SseEvent[], name: string) => named(events, name)[0]?.data;
