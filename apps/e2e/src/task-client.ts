import { randomUUID } from 'node:crypto';

/*
 * A client of A2A as a careful one is written: it sends a message as a stream, and when the stream breaks it subscribes to
 * the task at another gateway, or sends the very same message again if it never learned of a task. It keeps what the
 * protocol lets it make of the frames.
 */

interface Artifact {
  readonly artifactId: string;
  readonly parts: readonly { readonly text?: string; readonly data?: unknown }[];
}
export interface FollowedTask {
  readonly id: string;
  readonly state: string;
  /** The content of each artifact, by its id. */
  readonly artifacts: Readonly<Record<string, string>>;
}
interface Frame {
  readonly task?: { id: string; status: { state: string }; artifacts?: Artifact[] };
  readonly statusUpdate?: { status: { state: string } };
  readonly artifactUpdate?: { artifact: Artifact; append: boolean };
}

const TERMINAL = /COMPLETED|FAILED|CANCELED|REJECTED/;
const PAUSE_MS = 200;

export class TaskClient {
  /** What should not have been: a frame twice, an update before its task, anything after the end. */
  readonly complaints: string[] = [];
  /** How often a stream was taken up again. */
  resumed = 0;
  #next = 0;

  readonly #gateways: readonly string[];
  readonly #limitMs: number;

  constructor(gateways: readonly string[], limitMs: number) {
    this.#gateways = gateways;
    this.#limitMs = limitMs;
  }

  /** Resolves with the task once it has ended. */
  async run(text: string): Promise<FollowedTask> {
    const message = { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text }] };
    const until = Date.now() + this.#limitMs;
    let task: FollowedTask | undefined;
    while (task === undefined || !TERMINAL.test(task.state)) {
      if (Date.now() > until) throw new Error(`${text} did not end in time: ${JSON.stringify(task)}`);
      const known = task?.id;
      const method = known === undefined ? 'SendStreamingMessage' : 'SubscribeToTask';
      const params = known === undefined ? { message } : { id: known };
      if (known !== undefined) this.resumed += 1;
      try {
        for await (const frame of this.#frames(method, params)) task = this.#applied(task, frame);
      } catch (error) {
        // One that ended while nobody was connected: there is nothing to follow any more.
        if (known !== undefined && String(error).includes('-32004')) return await this.read(known);
      }
      if (task === undefined || !TERMINAL.test(task.state)) await pause();
    }
    return task;
  }

  /** GetTask, until a gateway answers it. */
  async read(id: string): Promise<FollowedTask> {
    for (const until = Date.now() + this.#limitMs; Date.now() < until; await pause()) {
      try {
        const { result } = (await (await this.#post('GetTask', { id })).json()) as { result?: Frame['task'] };
        if (result !== undefined) return this.#applied(undefined, { task: result })!;
      } catch {
        // Another gateway may answer.
      }
    }
    throw new Error(`${id} could not be read`);
  }

  #applied(before: FollowedTask | undefined, frame: Frame): FollowedTask | undefined {
    const { task, statusUpdate, artifactUpdate } = frame;
    if (task !== undefined) {
      const artifacts = Object.fromEntries((task.artifacts ?? []).map((one) => [one.artifactId, contentOf(one)]));
      return { id: task.id, state: task.status.state, artifacts };
    }
    if (before === undefined) {
      this.complaints.push('an update came before its task');
      return undefined;
    }
    if (TERMINAL.test(before.state)) this.complaints.push(`${before.id}: something came after its end`);
    if (statusUpdate !== undefined) return { ...before, state: statusUpdate.status.state };
    const { artifact, append } = artifactUpdate!;
    const earlier = append ? (before.artifacts[artifact.artifactId] ?? '') : '';
    const artifacts = { ...before.artifacts, [artifact.artifactId]: earlier + contentOf(artifact) };
    return { ...before, artifacts };
  }

  async *#frames(method: string, params: object): AsyncGenerator<Frame, void> {
    const response = await this.#post(method, params);
    if (!String(response.headers.get('content-type')).startsWith('text/event-stream'))
      throw new Error(await response.text());
    let text = '';
    let last = 0;
    for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
      text += bytes;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        const seq = Number(/^id: .*:(\d+)$/m.exec(block)?.[1] ?? 0);
        if (seq > 0 && seq <= last) this.complaints.push(`an event came twice: ${block.slice(0, 120)}`);
        last = Math.max(last, seq);
        if (data === undefined) continue;
        const { result, error } = JSON.parse(data) as { result?: Frame; error?: unknown };
        if (result === undefined) throw new Error(JSON.stringify(error));
        yield result;
      }
    }
  }

  #post(method: string, params: object): Promise<Response> {
    this.#next += 1;
    return fetch(`${this.#gateways[this.#next % this.#gateways.length]}/a2a`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'A2A-Version': '1.0', 'X-User-Id': 'u1' },
      body: JSON.stringify({ jsonrpc: '2.0', id: this.#next, method, params }),
    });
  }
}

function contentOf({ parts }: Artifact): string {
  return parts.map(({ text, data }) => text ?? JSON.stringify(data)).join('');
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
