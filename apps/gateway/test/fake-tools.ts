import type { Bus } from '@switchyard/bus';
import {
  AppError,
  callTool,
  type InputOf,
  listTools,
  mcpRequest,
  type StepResult,
  type ToolCall,
  type ToolInfo,
} from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';

export const info = (name: string, more: Partial<ToolInfo> = {}): ToolInfo => ({
  name,
  description: `The tool ${name}.`,
  provider: 'test',
  inputSchema: { type: 'object', properties: {} },
  kind: 'read',
  idempotency: 'safe',
  ...more,
});

/** Answers for tools what the gateway asks, over the real contracts. Alice sees one tool more than anybody else. */
export class FakeTools {
  readonly calls: ToolCall[] = [];
  readonly requests: InputOf<typeof mcpRequest>[] = [];
  /** What stands in the resource note://live. */
  live = 'before';
  /** Calls of `slow` that were told to stop, and when. */
  readonly stopped: number[] = [];
  /** What Alice sees besides. */
  readonly more: ToolInfo[] = [];
  /** Whose list was looked at for its etag alone. */
  readonly looked: string[] = [];
  readonly tools: ToolInfo[] = [
    info('add', { kind: 'write', idempotency: 'key' }),
    info('ask'),
    info('guarded', { requiresApproval: true }),
    info('region', {
      inputSchema: { type: 'object', properties: { where: { type: 'string', 'x-mcp-header': 'Region' } } },
    }),
    info('slow'),
    info('steps'),
  ];

  async listen(bus: Bus): Promise<void> {
    await bus.answer(listTools, ({ principal, cursor, limit, etag: known }) => {
      const all = principal.userId === 'alice' ? [...this.tools, info('zeta'), ...this.more] : this.tools;
      if (limit === 1) this.looked.push(principal.userId);
      const etag = all.map(({ name }) => name).join();
      if (etag === known) return Promise.resolve({ tools: [], etag, unchanged: true });
      const from = cursor === undefined ? 0 : Number(cursor);
      const tools = all.slice(from, from + Math.min(limit, 4));
      const more = from + tools.length < all.length;
      return Promise.resolve({ tools, etag, ...(more ? { nextCursor: String(from + tools.length) } : {}) });
    });
    await bus.answer(callTool, async (call, { signal, progress }): Promise<StepResult> => {
      this.calls.push(call);
      switch (call.tool) {
        case 'add':
          return { status: 'succeeded', output: { sum: Number(call.arguments['a']) + Number(call.arguments['b']) } };
        case 'guarded':
          return {
            status: 'failed',
            code: 'approval_required',
            message: 'A person must approve each call of guarded.',
          };
        case 'region':
          return { status: 'succeeded', output: { where: call.arguments['where'] } };
        case 'steps':
          for (let step = 1; step <= 3; step += 1) progress({ frame: 'progress', progress: step, total: 3 });
          progress({ frame: 'log', level: 'info', data: 'half way' });
          return { status: 'succeeded', output: 'done', mcp: { content: [{ type: 'text', text: 'three steps' }] } };
        case 'ask': {
          const answer = call.mcp?.inputResponses?.['name'] as { content?: { name?: string } } | undefined;
          if (answer && call.mcp?.requestState === 'sealed')
            return { status: 'succeeded', output: { hello: answer.content?.name } };
          const params = {
            message: 'Who?',
            requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
          };
          return {
            status: 'failed',
            code: 'input_required',
            message: 'It asks for more.',
            inputRequired: {
              inputRequests: { name: { method: 'elicitation/create', params } },
              requestState: 'sealed',
            },
          };
        }
        case 'slow':
          await sleep(60_000, signal).catch(() => this.stopped.push(performance.now()));
          throw new AppError('cancelled');
        default:
          return { status: 'failed', code: 'tool_not_found', message: 'There is no such tool for you.' };
      }
    });
    await bus.answer(mcpRequest, (input) => {
      this.requests.push(input);
      if (input.method === 'resources/list')
        return Promise.resolve({
          result: { resources: [{ uri: 'note://1', name: 'One' }], _meta: { unavailable: ['b'] } },
        });
      if (input.params['uri'] === 'note://live')
        return Promise.resolve({ result: { contents: [{ uri: 'note://live', text: this.live }] } });
      if (input.method === 'resources/read')
        return Promise.resolve({
          error: { code: -32_602, message: 'Resource not found', data: { uri: input.params['uri'] } },
        });
      if (input.method === 'completion/complete')
        return Promise.resolve({ result: { completion: { values: ['paris'], total: 1, hasMore: false } } });
      return Promise.resolve({ result: { resourceTemplates: [], prompts: [] } });
    });
  }
}
