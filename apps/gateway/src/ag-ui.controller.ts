import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import { decideApproval, getRun, parseOrThrow } from '@switchyard/contracts';
import { AgUiEventsQuery, AgUiInput } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CAPABILITIES } from './ag-ui-capabilities.ts';
import { AgUiTurns } from './ag-ui-turn.ts';
import { AuthGuard } from './auth.guard.ts';
import { mintRunId } from './mint.ts';
import { BUS } from './parts.ts';
import { headerOf, reconnectOf, sessionThread, toStartRun } from './requests.ts';
import { Streams, type Viewer } from './streams.ts';
import { askedOf, decidedOf, isBusy, spokenAnswer, waitingRun } from './thread-turn.ts';

/** A conversation turn: the official AG-UI, and the older event form beside it. */
@Controller('ag-ui')
export class AgUiController {
  constructor(
    private readonly guard: AuthGuard,
    private readonly streams: Streams,
    private readonly turns: AgUiTurns,
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
  ) {}

  /**
   * Starts a run; or, with `resume` or the results of the client's own tools, answers what an earlier one asks and shows
   * what follows. A thread whose run waits for answers asks again: no other run of it is started meanwhile.
   */
  @Post()
  @HttpCode(200)
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const input = parseOrThrow(AgUiInput, request.body, 'RunAgentInput');
    const { threadId, messages, protocolVersion } = input;
    const viewer: Viewer = {
      principal: this.guard.principalOf(request),
      expiresAt: request.identity?.expiresAt,
      dialect: 'ag-ui',
      context: { threadId, view: 'default', profile: protocolVersion === undefined ? 'legacy' : '1.0', messages },
      endsAtPause: true,
      cannotResume: true,
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    return this.turns.take(reply, viewer, input, earlier);
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
