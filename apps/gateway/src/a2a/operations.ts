import { PushNotificationNotSupportedError } from '@a2a-js/sdk/errors';
import type { Bus } from '@switchyard/bus';
import type { Principal } from '@switchyard/contracts';
import { A2aListQuery, A2aSendRequest, type A2aTask, A2aTaskRequest, A2aTenantQuery } from '@switchyard/contracts/http';
import type { FastifyReply } from 'fastify';
import { decidedOf, type Streams, type Viewer } from '../streams/index.ts';
import type { Cards } from './cards.ts';
import { readParams } from './rpc.ts';
import { listTasks, type TaskPage } from './task-list.ts';
import type { A2aTasks } from './tasks.ts';

/*
 * The operations of A2A, whatever binding they come over: each reads its parameters, and gives its answer as JSON or as
 * a stream of the run.
 */

export interface Caller {
  readonly principal: Principal;
  readonly host: string | undefined;
  /** Aborted when the client leaves. */
  readonly gone: AbortSignal;
}

type ViewerOf = Pick<Viewer, 'principal' | 'expiresAt'> & { readonly rpcId?: string | number | null };

/** A frame is some 300 bytes, and a piece of text a few. */
const COLLECT_MS = 100;

export class Operations {
  readonly #bus: Pick<Bus, 'request'>;
  readonly #tasks: A2aTasks;
  readonly #streams: Pick<Streams, 'start' | 'attach'>;
  readonly #cards: Cards;

  constructor(bus: Pick<Bus, 'request'>, tasks: A2aTasks, streams: Pick<Streams, 'start' | 'attach'>, cards: Cards) {
    this.#bus = bus;
    this.#tasks = tasks;
    this.#streams = streams;
    this.#cards = cards;
  }

  async send({ principal, gone }: Caller, params: unknown): Promise<{ task: A2aTask }> {
    return { task: await this.#tasks.send(principal, readParams(A2aSendRequest, params, 'The request'), gone) };
  }

  get({ principal }: Caller, params: unknown): Promise<A2aTask> {
    return this.#tasks.get(principal, readParams(A2aTaskRequest, params, 'The request'));
  }

  list({ principal }: Caller, params: unknown): Promise<TaskPage> {
    return listTasks(this.#bus, this.#tasks, principal, readParams(A2aListQuery, params, 'The request'));
  }

  cancel({ principal, gone }: Caller, params: unknown): Promise<A2aTask> {
    return this.#tasks.cancel(principal, readParams(A2aTaskRequest, params, 'The request'), gone);
  }

  extendedCard({ principal, host }: Caller, params: unknown): Promise<object> {
    readParams(A2aTenantQuery, params ?? {}, 'The request');
    return this.#cards.extended(principal, host);
  }

  push(): Promise<never> {
    return Promise.reject(new PushNotificationNotSupportedError());
  }

  /** SendStreamingMessage: the task and its changes until it ends or asks something. */
  async stream(reply: FastifyReply, who: ViewerOf, params: unknown): Promise<void> {
    const sent = await this.#tasks.take(who.principal, readParams(A2aSendRequest, params, 'The request'));
    const viewer = viewerOf(who, true);
    if (sent.kind === 'start') return this.#streams.start(reply, viewer, sent.request);
    const { runId, approvalId } = sent;
    const place = approvalId === undefined ? { after: 'now' as const } : { after: 0, from: decidedOf([approvalId]) };
    return this.#streams.attach(reply, viewer, runId, { ...place, snapshot: true });
  }

  /** SubscribeToTask: the whole task, then its changes until it ends. */
  async subscribe(reply: FastifyReply, who: ViewerOf, params: unknown): Promise<void> {
    const { runId } = await this.#tasks.follow(who.principal, readParams(A2aTaskRequest, params, 'The request'));
    return this.#streams.attach(reply, viewerOf(who, false), runId, { after: 'now', snapshot: true });
  }
}

/** A stream that breaks off says so: the client then subscribes anew, and gets the task as it is. */
function viewerOf({ rpcId, principal, expiresAt }: ViewerOf, endsAtPause: boolean): Viewer {
  const context = { threadId: '', view: 'default' as const, profile: '1.0' as const };
  return {
    principal,
    expiresAt,
    dialect: 'a2a',
    context: rpcId === undefined ? context : { ...context, rpcId },
    endsAtPause,
    cannotResume: true,
    collectMs: COLLECT_MS,
  };
}
