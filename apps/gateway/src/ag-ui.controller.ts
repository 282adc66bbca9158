import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { AgUiEventsQuery, AgUiInput, parseOrThrow } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from './auth.guard.ts';
import { mintRunId } from './mint.ts';
import { agUiToStartRun, headerOf, reconnectOf, sessionThread, toStartRun } from './requests.ts';
import { Streams, type Viewer } from './streams.ts';

const CAPABILITIES = {
  identity: {
    name: 'Switchyard',
    type: 'orchestrator',
    description: 'Plans a task and acts through tools and other agents.',
    version: '0.1.0',
  },
  transport: { streaming: true, websocket: false, httpBinary: false, pushNotifications: false, resumable: true },
  tools: { supported: true, parallelCalls: true, clientProvided: false },
  output: { structuredOutput: false, supportedMimeTypes: ['text/plain'] },
  state: { snapshots: false, deltas: false, memory: true, persistentState: true },
  multiAgent: { supported: true, delegation: true, handoffs: false },
  reasoning: { supported: false },
  multimodal: { input: { image: false, audio: false, video: false, pdf: false, file: false } },
  humanInTheLoop: { supported: false },
} as const;

/** A conversation turn: the official AG-UI, and the older event form beside it. */
@Controller('ag-ui')
export class AgUiController {
  constructor(
    private readonly guard: AuthGuard,
    private readonly streams: Streams,
  ) {}

  @Post()
  @HttpCode(200)
  run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const input = parseOrThrow(AgUiInput, request.body, 'RunAgentInput');
    const viewer: Viewer = {
      principal: this.guard.principalOf(request),
      expiresAt: request.identity?.expiresAt,
      dialect: 'ag-ui',
      context: {
        threadId: input.threadId,
        view: 'default',
        profile: input.protocolVersion === undefined ? 'legacy' : '1.0',
        messages: input.messages,
      },
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined) return this.streams.attach(reply, viewer, earlier.runId, earlier.seq);
    return this.streams.start(reply, viewer, agUiToStartRun(input, viewer.principal));
  }

  @Get('capabilities')
  capabilities(@Res() reply: FastifyReply): void {
    void reply.send(CAPABILITIES);
  }

  @Get('events')
  turn(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { user_message: task } = parseOrThrow(AgUiEventsQuery, request.query, 'The query');
    const session = headerOf(request, 'x-session-id');
    const thread = sessionThread(session);
    if (session !== undefined) reply.header('x-session-id', session);
    const viewer: Viewer = {
      principal: this.guard.principalOf(request),
      expiresAt: request.identity?.expiresAt,
      dialect: 'legacy',
      context: { threadId: thread ?? '', view: 'default', profile: 'legacy' },
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined) return this.streams.attach(reply, viewer, earlier.runId, earlier.seq);
    const { principal } = viewer;
    return this.streams.start(
      reply,
      viewer,
      toStartRun(
        { task, thread_id: thread ?? null },
        { principal, mintedRunId: mintRunId(), idempotencyKey: undefined },
      ),
    );
  }
}
