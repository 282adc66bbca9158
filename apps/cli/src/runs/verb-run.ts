import { ulid } from 'ulid';
import { askForTask, NO_TASK } from '../../task.mjs';
import { listOption, textOption } from '../command-line/arguments.ts';
import { eventLine, type StreamEvent } from '../terminal/event-line.ts';
import { followFile } from '../terminal/follow-file.ts';
import type { GatewayClient, TaskRequest } from '../command-line/gateway-client.ts';
import { logFile } from '../environment/workspace.ts';
import { ensureStack } from '../stack/index.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { gatewayOf, progressListener, stackEnvironment, type VerbContext } from '../command-line/verb.ts';
import { askHere, type Question } from './verb-approve.ts';

const CANCEL_WAIT_MS = 15_000;

/** The request of this call. `custom` constraints as soon as one list is given: what they do not name is not allowed. */
export function taskRequest(
  { values, positionals }: Pick<VerbContext, 'values' | 'positionals'>,
  runId: string,
  interactive = false,
): TaskRequest {
  const task = positionals.join(' ').trim();
  if (!task) throw new UserError(NO_TASK, EXIT.usage);
  const tools = listOption(values, 'tools');
  const providers = listOption(values, 'providers');
  const agents = listOption(values, 'agents');
  const lists = { ...(providers && { providers }), ...(tools && { tools }), ...(agents && { agents }) };
  const thread = textOption(values, 'thread');
  return {
    task,
    run_id: runId,
    ...(thread ? { thread_id: thread } : {}),
    ...(interactive ? { interactive: true } : {}),
    ...(Object.keys(lists).length > 0 ? { tool_constraints: { mode: 'custom', ...lists } } : {}),
  };
}

/** The outcome of a run, gathered from its events. */
interface Outcome {
  status: string | undefined;
  answer: string | undefined;
  error: string | undefined;
}

function learn(outcome: Outcome, { name, data }: StreamEvent): void {
  const known = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
  const text = (field: string): string | undefined => (typeof known[field] === 'string' ? known[field] : undefined);
  if (name === 'orchestrator.task.completed') outcome.status = text('status') ?? outcome.status;
  if (name === 'response') outcome.status ??= text('status');
  if (name === 'response' || name === 'orchestrator.task.completed') outcome.answer = text('answer') ?? outcome.answer;
  if (name === 'response.failed' || name === 'error') {
    outcome.status ??= 'failed';
    outcome.error = text('error') ?? outcome.error;
  }
}

function exitCodeOf(status: string | undefined): number {
  if (status === 'success' || status === 'partial') return EXIT.ok;
  return status === 'cancelled' ? EXIT.cancelled : EXIT.failed;
}

/** Questions of the run, put to the person at this terminal one after the other. */
class Questions {
  readonly #open = new Map<string, AbortController>();
  #last: Promise<void> = Promise.resolve();

  readonly #gateway: GatewayClient;
  readonly #runId: string;
  readonly #atTerminal: boolean;
  readonly #remark: (line: string) => void;

  constructor(gateway: GatewayClient, runId: string, atTerminal: boolean, remark: (line: string) => void) {
    this.#gateway = gateway;
    this.#runId = runId;
    this.#atTerminal = atTerminal;
    this.#remark = remark;
  }

  put(question: Question): void {
    if (!this.#atTerminal || this.#open.has(question.approval_id)) return;
    const asking = new AbortController();
    this.#open.set(question.approval_id, asking);
    this.#last = this.#last.then(() => this.#ask(question, asking.signal));
  }

  /** The question was answered, here or elsewhere. */
  decided({ approval_id }: Pick<Question, 'approval_id'>): void {
    this.#open.get(approval_id)?.abort();
  }

  close(): void {
    for (const asking of this.#open.values()) asking.abort();
  }

  async #ask(question: Question, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const reply = await askHere(question, signal);
    if (reply === undefined) {
      if (!signal.aborted) this.#remark(`left open; ./switchyard approve ${this.#runId} ${question.approval_id}`);
      return;
    }
    await this.#gateway
      .decide(this.#runId, question.approval_id, reply)
      .catch((error: Error) => this.#remark(`not answered: ${error.message}`));
  }
}

/** First Ctrl-C asks the run to stop and goes on showing it; the second one leaves. */
function onInterrupt(context: VerbContext, gateway: GatewayClient, runId: string, leave: AbortController): () => void {
  let asked = false;
  const interrupt = (): void => {
    if (asked) return leave.abort();
    asked = true;
    context.remark('\nasking the run to stop; Ctrl-C again leaves it alone');
    gateway.cancel(runId).catch((error: Error) => context.remark(`it could not be asked: ${error.message}`));
    setTimeout(() => leave.abort(), CANCEL_WAIT_MS).unref();
  };
  process.on('SIGINT', interrupt);
  return () => process.removeListener('SIGINT', interrupt);
}

/** `run "task"`: starts what is missing, runs the task, shows it live, prints the answer. */
export async function run(given: VerbContext): Promise<number> {
  // Where a password came over standard input, nothing else does.
  const isTold = given.positionals.some((word) => word.trim() !== '') || given.values['aztm-password'] === '-';
  const context = isTold ? given : { ...given, positionals: [await askForTask()] };
  const { workspace, values, print, remark, paint } = context;
  const runId = ulid();
  const atTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true && values['json'] !== true;
  const request = taskRequest(context, runId, atTerminal);
  const wishes = { apply: values['apply'] === true };
  const stack = await ensureStack(workspace, stackEnvironment(context), progressListener(context), wishes);
  for (const line of stack.notReady) remark(`  ! ${line}`);
  if (stack.started) remark(`  gateway      ${stack.gatewayUrl}`);
  remark(`  model        ${stack.model}`);

  const gateway = gatewayOf(context, stack.gatewayUrl);
  const asJson = values['json'] === true;
  const leave = new AbortController();
  const restore = onInterrupt(context, gateway, runId, leave);
  // What dies and comes back meanwhile explains a pause in the events.
  const unfollow = followFile(logFile(workspace, 'supervisor'), (line) => {
    const notice = line.split(' ! ')[1];
    if (notice) remark(paint('dim', `          ! ${notice}`));
  });
  const questions = new Questions(gateway, runId, atTerminal, remark);
  const outcome: Outcome = { status: undefined, answer: undefined, error: undefined };
  const began = Date.now();
  if (!asJson) print(`${paint('dim', '    run   ')}${runId}`);
  try {
    // People see everything; programs the documented view, unless they ask for all.
    const view = asJson ? textOption(values, 'view') : 'all';
    const onBreak = (why: string): void => remark(paint('dim', `          ! ${why}; connecting again`));
    for await (const event of gateway.run(request, { view, signal: leave.signal, onBreak })) {
      learn(outcome, event);
      if (asJson) print(JSON.stringify({ id: event.id, event: event.name, data: event.data }));
      else {
        const line = eventLine(event, Date.now() - began, paint);
        if (line !== undefined) print(line);
        if (event.name === 'orchestrator.approval.requested') {
          questions.put(event.data as Question);
          if (!atTerminal) remark(`          answer it: ./switchyard approve ${runId}`);
        }
        if (event.name === 'orchestrator.approval.decided') questions.decided(event.data as Question);
      }
    }
  } finally {
    questions.close();
    unfollow();
    restore();
  }
  if (leave.signal.aborted) {
    remark(`left run ${runId}; ./switchyard tail ${runId} shows it`);
    return EXIT.cancelled;
  }
  if (!asJson) {
    if (outcome.answer !== undefined) print(`\n${outcome.answer}`);
    else if (outcome.status === 'cancelled') remark('\nThe run was cancelled.');
    else if (outcome.error !== undefined) remark(`\nThe run failed: ${outcome.error}`);
  }
  return exitCodeOf(outcome.status);
}
