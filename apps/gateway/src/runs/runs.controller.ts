import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import {
  type AuditRecord,
  cancelRun,
  decideApproval,
  formatCursor,
  getRun,
  idOrThrow,
  listRuns,
  parseOrThrow,
  publicRunId,
  queryAudit,
  runIdOrThrow,
  startRun,
} from '@switchyard/contracts';
import {
  type ApprovalAnswer,
  ApprovalBody,
  type AuditPage,
  AuditQuery,
  CancelBody,
  OrchestrateRequest,
  RunEventsQuery,
  type RunList,
  RunListQuery,
  type RunStarted,
} from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { concerns, headerOf } from '../http/index.ts';
import { mintRunId } from './mint.ts';
import { BUS } from '../tokens.ts';
import { eventsUrl, placeFor, StartGate, Streams, type Viewer } from '../streams/index.ts';
import { toRunResource, toStartRun } from './requests.ts';
import { unusedFields } from './unused-fields.ts';

/** Runs and their events. The services that answer decide who may see which. */
@Controller()
export class RunsController {
  readonly #guard: AuthGuard;
  readonly #streams: Streams;
  readonly #gate: StartGate;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, streams: Streams, gate: StartGate, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#streams = streams;
    this.#gate = gate;
    this.#bus = bus;
  }

  @Post('runs')
  @HttpCode(202)
  async start(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = parseOrThrow(OrchestrateRequest, request.body, 'The body');
    const principal = this.#guard.principalOf(request, body.tenant);
    const idempotencyKey = headerOf(request, 'idempotency-key');
    const start = toStartRun(body, { principal, mintedRunId: mintRunId(), idempotencyKey });
    concerns(request, { threadId: start.run.thread_id });
    await this.#gate.pass();
    const started = await this.#bus.request(startRun, start, { idempotencyKey: start.idempotencyKey });
    const { created, ended } = started;
    const runId = publicRunId(principal.tenantId, started.runId);
    const notices = unusedFields(request.body as OrchestrateRequest);
    const answer: RunStarted = {
      run_id: runId,
      thread_id: start.run.thread_id,
      status: ended ? 'ended' : created ? 'queued' : 'running',
      events_url: eventsUrl(runId),
      ...(notices.length === 0 ? {} : { notices }),
    };
    void reply.code(202).header('x-run-id', runId).header('location', `/runs/${runId}`).send(answer);
  }

  @Get('runs')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { thread_id: threadId, status, cursor, limit } = parseOrThrow(RunListQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const page = await this.#bus.request(listRuns, {
      principal,
      limit,
      ...(threadId === undefined ? {} : { threadId }),
      ...(status === undefined ? {} : { status }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const answer: RunList = {
      runs: page.runs.map((run) => ({
        run_id: publicRunId(principal.tenantId, run.runId),
        thread_id: run.threadId,
        user_id: run.userId,
        task: run.task,
        phase: run.phase,
        status: run.status,
        completion_reason: run.completionReason,
        total_steps: run.totalSteps,
        created_at: run.createdAt,
        ended_at: run.endedAt,
      })),
      next_cursor: page.nextCursor,
    };
    void reply.code(200).send(answer);
  }

  @Get('runs/:id')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runId = runIdOf(request);
    const view = await this.#bus.request(getRun, { principal: this.#guard.principalOf(request), runId });
    void reply.code(200).send(toRunResource(view));
  }

  @Get('runs/:id/events')
  events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const principal = this.#guard.principalOf(request);
    const runId = publicRunId(principal.tenantId, runIdOf(request));
    const query = parseOrThrow(RunEventsQuery, request.query, 'The query');
    const { dialect, view, mode, live } = query;
    const place = placeFor(runId, query, headerOf(request, 'last-event-id'));
    const viewer: Viewer = {
      principal,
      expiresAt: request.identity?.expiresAt,
      dialect,
      context: { threadId: '', view, profile: '1.0' },
      // A snapshot is one AG-UI run for one client, and ends like one; a tail is the whole run.
      endsAtPause: dialect === 'ag-ui' && mode === 'snapshot',
      // A client that resumes would get the beginning of a message twice.
      live: live === undefined ? dialect !== 'ag-ui' || mode === 'snapshot' : live === 'true',
    };
    return this.#streams.attach(reply, viewer, runId, place);
  }

  @Post('runs/:id/cancel')
  @HttpCode(202)
  async cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runId = runIdOf(request);
    const { reason } = parseOrThrow(CancelBody, request.body ?? {}, 'The body');
    const principal = this.#guard.principalOf(request);
    const { phase, accepted } = await this.#bus.request(cancelRun, {
      principal,
      runId,
      ...(reason === undefined ? {} : { reason }),
    });
    void reply.code(202).send({ run_id: publicRunId(principal.tenantId, runId), phase, accepted });
  }

  @Post('runs/:id/approvals/:approvalId')
  @HttpCode(202)
  async decide(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runId = runIdOf(request);
    const approvalId = idOrThrow((request.params as { approvalId?: unknown }).approvalId, 'The approval id');
    const answer = parseOrThrow(ApprovalBody, request.body, 'The body');
    const principal = this.#guard.principalOf(request);
    const { phase, accepted } = await this.#bus.request(decideApproval, { principal, runId, approvalId, answer });
    const shown = publicRunId(principal.tenantId, runId);
    const body: ApprovalAnswer = { run_id: shown, approval_id: approvalId, phase, accepted };
    void reply.code(202).send(body);
  }

  @Get('audit')
  async audit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { run_id: runId, ...query } = parseOrThrow(AuditQuery, request.query, 'The query');
    concerns(request, { runId });
    const principal = this.#guard.principalOf(request);
    const page = await this.#bus.request(queryAudit, {
      principal,
      ...query,
      ...(runId === undefined ? {} : { runId }),
    });
    const records = page.records.map((record) =>
      record.runId === null ? record : shownRecord(record, publicRunId(principal.tenantId, record.runId)),
    );
    const answer: AuditPage = { records, next_cursor: page.nextCursor };
    void reply.code(200).send(answer);
  }
}

/** A record with the run id that the client knows. */
function shownRecord(record: AuditRecord, runId: string): AuditRecord {
  const id = record.id === formatCursor(record.runId ?? '', record.seq) ? formatCursor(runId, record.seq) : record.id;
  return { ...record, id, runId };
}

function runIdOf(request: FastifyRequest): string {
  return runIdOrThrow((request.params as { id?: unknown }).id);
}
