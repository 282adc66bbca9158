import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import { decideApproval, getRun, parseOrThrow, type ThreadConcurrency } from '@switchyard/contracts';
import { AgUiEventsQuery, AgUiInput } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CAPABILITIES } from './capabilities.ts';
import { AgUiTurns } from './turn.ts';
import { AuthGuard } from '../identity/index.ts';
import type { GatewayConfig } from '../config.ts';
import { mintRunId, sessionThread, spokenAnswer, toStartRun, USER_THREAD } from '../runs/index.ts';
import { headerOf } from '../http/index.ts';
import { BUS, CONFIG } from '../tokens.ts';
import { askedOf, decidedOf, reconnectOf, Streams, type Viewer } from '../streams/index.ts';
import { isBusy, waitingRun } from './thread-turn.ts';

/** A conversation turn: the official AG-UI, and the older event form beside it. */
@Controller('ag-ui')
export class AgUiController {
  readonly #guard: AuthGuard;
  readonly #streams: Streams;
  readonly #turns: AgUiTurns;
  readonly #bus: Pick<Bus, 'request'>;
  readonly #config: GatewayConfig;

  constructor(
    guard: AuthGuard,
    streams: Streams,
    turns: AgUiTurns,
    @Inject(BUS) bus: Pick<Bus, 'request'>,
    @Inject(CONFIG) config: GatewayConfig,
  ) {
    this.#guard = guard;
    this.#streams = streams;
    this.#turns = turns;
    this.#bus = bus;
    this.#config = config;
  }

  /**
   * Starts a run; or, with `resume` or the results of the client's own tools, answers an earlier run's questions and
   * shows what follows. If the thread's run waits for answers, its questions are shown again and no other run is
   * started.
   */
  @Post()
  @HttpCode(200)
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const input = parseOrThrow(AgUiInput, request.body, 'RunAgentInput');
    const { threadId, messages, protocolVersion } = input;
    const viewer: Viewer = {
      principal: this.#guard.principalOf(request),
      expiresAt: request.identity?.expiresAt,
      dialect: 'ag-ui',
      context: { threadId, view: 'default', profile: protocolVersion === undefined ? 'legacy' : '1.0', messages },
      endsAtPause: true,
      cannotResume: true,
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    return this.#turns.take(reply, viewer, input, earlier);
  }

  @Get('capabilities')
  capabilities(@Res() reply: FastifyReply): void {
    void reply.send(CAPABILITIES);
  }

  /**
   * A turn of a session waits for the turn before it. Turns without a session belong to their user's conversation
   * (CONVERSATION_BY). Two of them may run at the same time, since they may come from two windows that do not know of
   * each other. If the earlier one waits for a person, this turn is the answer; if it does not answer, the question is
   * asked again.
   */
  @Get('events')
  async turn(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(AgUiEventsQuery, request.query, 'The query');
    const { user_message: task, on_disconnect } = query;
    const session = headerOf(request, 'x-session-id');
    const named = sessionThread(session);
    const thread = named ?? (this.#config.conversationBy === 'user' ? USER_THREAD : undefined);
    if (session !== undefined) reply.header('x-session-id', session);
    const principal = this.#guard.principalOf(request);
    const viewer: Viewer = {
      principal,
      expiresAt: request.identity?.expiresAt,
      dialect: 'legacy',
      context: { threadId: thread ?? '', view: 'default', profile: 'legacy' },
      endsAtPause: true,
    };
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined) {
      // No event follows before a person has answered: a client that would wait alone is told to stop.
      const view = await this.#bus.request(getRun, { principal, runId: earlier.runId });
      if (view.phase === 'waiting' && earlier.seq >= view.lastSeq) return void reply.code(204).send();
      return this.#streams.attach(reply, viewer, earlier.runId, { after: earlier.seq });
    }

    const mintedRunId = mintRunId();
    const start = (concurrency: ThreadConcurrency | 'beside') => {
      const interactive = thread === undefined ? {} : { interactive: true };
      const body = { task, thread_id: thread ?? null, on_disconnect, ...interactive };
      const request = toStartRun(body, { principal, mintedRunId, idempotencyKey: undefined });
      const { thread_concurrency: _, ...run } = request.run;
      const more = thread === undefined || concurrency === 'beside' ? {} : { thread_concurrency: concurrency };
      return this.#streams.start(reply, viewer, { ...request, run: { ...run, ...more } });
    };
    let waiting;
    try {
      return await start('reject');
    } catch (error) {
      waiting = await waitingRun(this.#bus, principal, error).catch((other: unknown) => {
        if (other !== error || !isBusy(error)) throw other;
      });
    }
    if (waiting === undefined) return start(named === undefined ? 'beside' : 'queue');
    const { runId, approvals } = waiting;
    const [approval] = approvals;
    const answer = approval === undefined ? undefined : spokenAnswer(approval, task);
    if (approval === undefined || answer === undefined) {
      const open = approvals.map(({ approval_id: id }) => id);
      return this.#streams.attach(reply, viewer, runId, { after: 0, from: askedOf(open) });
    }
    const { approval_id: approvalId } = approval;
    await this.#bus.request(decideApproval, { principal, runId, approvalId, answer });
    return this.#streams.attach(reply, viewer, runId, { after: 0, from: decidedOf([approvalId]) });
  }
}
