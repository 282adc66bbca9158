import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import { decideApproval, getRun, parseOrThrow, publicRunId } from '@switchyard/contracts';
import { AgUiEventsQuery, AgUiInput } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { resumptionOf } from './ag-ui-resume.ts';
import { AuthGuard } from './auth.guard.ts';
import { mintRunId } from './mint.ts';
import { BUS } from './parts.ts';
import { agUiToStartRun, headerOf, reconnectOf, sessionThread, toStartRun } from './requests.ts';
import { Streams, type Viewer } from './streams.ts';
import { askedOf, decidedOf, giveAnswers, isBusy, spokenAnswer, waitingRun } from './thread-turn.ts';

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
  humanInTheLoop: { supported: true, approvals: true },
} as const;

/** A conversation turn: the official AG-UI, and the older event form beside it. */
@Controller('ag-ui')
export class AgUiController {
  constructor(
    private readonly guard: AuthGuard,
    private readonly streams: Streams,
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
  ) {}

  /**
   * Starts a run; or, with `resume`, answers the questions of an earlier one and shows what follows. A thread whose run
   * waits for answers asks again: no other run of it is started meanwhile.
   */
  @Post()
  @HttpCode(200)
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const input = parseOrThrow(AgUiInput, request.body, 'RunAgentInput');
    const { threadId, runId, messages, resume, protocolVersion } = input;
    const principal = this.guard.principalOf(request);
    const viewer: Viewer = {
      principal,
      expiresAt: request.identity?.expiresAt,
      dialect: 'ag-ui',
      context: { threadId, view: 'default', profile: protocolVersion === undefined ? 'legacy' : '1.0', messages },
      endsAtPause: true,
      cannotResume: true,
    };
    const ofRun = (journalRun: string): Viewer =>
      journalRun === runId ? viewer : { ...viewer, context: { ...viewer.context, peerRunId: runId } };

    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined)
      return this.streams.attach(reply, ofRun(earlier.runId), earlier.runId, { after: earlier.seq, snapshot: true });

    if (resume !== undefined && resume.length > 0) {
      const resumption = resumptionOf(resume);
      const from = await giveAnswers(this.bus, principal, threadId, resumption);
      return this.streams.attach(reply, ofRun(resumption.runId), resumption.runId, { after: 0, from, snapshot: true });
    }

    try {
      return await this.streams.start(reply, viewer, agUiToStartRun(input, principal));
    } catch (error) {
      const waiting = await waitingRun(this.bus, principal, error);
      const waitingId = publicRunId(principal.tenantId, waiting.runId);
      return this.streams.attach(reply, ofRun(waitingId), waitingId, { after: 'now', snapshot: true });
    }
  }

  @Get('capabilities')
  capabilities(@Res() reply: FastifyReply): void {
    void reply.send(CAPABILITIES);
  }

  /**
   * A turn of a session waits for the one before it. Where that one waits for a person, this turn is the answer; what is
   * none is asked again.
   */
  @Get('events')
  async turn(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(AgUiEventsQuery, request.query, 'The query');
    const { user_message: task, on_disconnect } = query;
    const session = headerOf(request, 'x-session-id');
    const thread = sessionThread(session);
    if (session !== undefined) reply.header('x-session-id', session);
    const principal = this.guard.principalOf(request);
    const viewer: Viewer = {
      principal,
      expiresAt: request.identity?.expiresAt,
      dialect: 'legacy',
      context: { threadId: thread ?? '', view: 'default', profile: 'legacy' },
      endsAtPause: true,
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined) {
      // Nothing comes before somebody has answered: a client left alone is told to stop asking.
      const view = await this.bus.request(getRun, { principal, runId: earlier.runId });
      if (view.phase === 'waiting' && earlier.seq >= view.lastSeq) return void reply.code(204).send();
      return this.streams.attach(reply, viewer, earlier.runId, { after: earlier.seq });
    }

    const mintedRunId = mintRunId();
    const start = (concurrency: 'reject' | 'queue') => {
      const more = thread === undefined ? {} : { thread_concurrency: concurrency, interactive: true };
      const body = { task, thread_id: thread ?? null, on_disconnect, ...more };
      return this.streams.start(reply, viewer, toStartRun(body, { principal, mintedRunId, idempotencyKey: undefined }));
    };
    let waiting;
    try {
      return await start('reject');
    } catch (error) {
      waiting = await waitingRun(this.bus, principal, error).catch((other: unknown) => {
        if (other !== error || !isBusy(error)) throw other;
      });
    }
    if (waiting === undefined) return start('queue');
    const { runId, approvals } = waiting;
    const [approval] = approvals;
    const answer = approval === undefined ? undefined : spokenAnswer(approval, task);
    if (approval === undefined || answer === undefined) {
      const open = approvals.map(({ approval_id: id }) => id);
      return this.streams.attach(reply, viewer, runId, { after: 0, from: askedOf(open) });
    }
    const { approval_id: approvalId } = approval;
    await this.bus.request(decideApproval, { principal, runId, approvalId, answer });
    return this.streams.attach(reply, viewer, runId, { after: 0, from: decidedOf([approvalId]) });
  }
}
