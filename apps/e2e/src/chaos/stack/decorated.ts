import type { Bus, Handler } from '@switchyard/bus';
import { performStep, type RequestContract } from '@switchyard/contracts';
import type { AgentTurns, Append, Effects, Journal } from '@switchyard/store';
import type { FaultPoints } from './points.ts';

/*
 * The product's ports with a fault point before and after each important call. Without a fault the behaviour is
 * unchanged.
 */

/** The step requests, by subject: their answers may come late, never, or from two deliveries at once. */
const STEP_SUBJECTS = new Set<string>(Object.values(performStep).map(({ subject }) => subject));
/** After a handler returned, its reply or acknowledgement leaves within this time. */
const LEAVES_WITHIN_MS = 3;

const JOURNAL_CALLS = ['accept', 'claim', 'renew', 'release', 'putInput', 'markPublished', 'sweep'] as const;

export function decoratedJournal(journal: Journal, points: FaultPoints): Journal {
  const calls = Object.fromEntries(
    JOURNAL_CALLS.map((name) => [
      name,
      (...args: never[]) => points.around(`journal.${name}`, () => (journal[name] as Call)(...args)),
    ]),
  );
  return overlaid(journal, {
    ...calls,
    append: (input: Append) => points.around(`journal.${appendName(input)}`, () => journal.append(input)),
  });
}

const LEDGER_CALLS = ['begin', 'dispatch', 'complete', 'renew', 'withdraw'] as const;

export function decoratedLedger(effects: Effects, points: FaultPoints): Effects {
  const calls = LEDGER_CALLS.map((name) => [
    name,
    (...args: never[]) => points.around(`ledger.${name}`, () => (effects[name] as Call)(...args)),
  ]);
  return overlaid(effects, Object.fromEntries(calls) as Partial<Effects>);
}

export function decoratedTurns(turns: AgentTurns, points: FaultPoints): AgentTurns {
  return overlaid<AgentTurns>(turns, {
    keep: (...args) => points.around('turns.keep', () => turns.keep(...args)),
  });
}

type Call = (...args: never[]) => Promise<unknown>;

/** Appends at different times in the life of a run are different points. */
function appendName({ facts }: Append): string {
  const types = new Set(facts.map(({ type }) => type));
  if (types.has('orchestrator.task.completed')) return 'append-end';
  if (types.has('orchestrator.step.dispatching')) return 'append-dispatching';
  if (types.has('orchestrator.step.completed')) return 'append-outcome';
  if (types.has('orchestrator.approval.requested')) return 'append-question';
  return 'append';
}

export function decoratedBus(bus: Bus, points: FaultPoints): Bus {
  const left = (point: string) => setTimeout(() => points.pass(point), LEAVES_WITHIN_MS);
  const answering = <C extends RequestContract>({ subject }: C, handler: Handler<C>): Handler<C> => {
    return async (input, call) => {
      points.pass(`${subject}.taken`);
      const fault = STEP_SUBJECTS.has(subject) ? points.takeReplyFault() : undefined;
      if (fault?.how === 'twice') handler(input, call).catch(() => undefined);
      const result = await handler(input, call);
      if (fault?.how === 'late') await aborted(call.signal, fault.ms);
      if (fault?.how === 'lost') await aborted(call.signal);
      points.pass(`${subject}.reply.before`);
      left(`${subject}.reply.after`);
      return result;
    };
  };
  return overlaid<Bus>(bus, {
    request: (contract, input, options) =>
      points.around(`${contract.subject}.ask`, () => bus.request(contract, input, options)),
    answer: (contract, handler, options) => bus.answer(contract, answering(contract, handler), options),
    publishEvents: (events) => points.around('bus.publish', () => bus.publishEvents(events)),
    wakeUp: (tenantId, runId) => points.around('bus.wake-up', () => bus.wakeUp(tenantId, runId)),
    onWakeUp: (handler, options) =>
      bus.onWakeUp(async (wakeUp) => {
        points.pass('wake-up.taken');
        const outcome = await handler(wakeUp);
        points.pass('wake-up.ack.before');
        left('wake-up.ack.after');
        return outcome;
      }, options),
    consume: (options) =>
      bus.consume({
        ...options,
        handle: async (messages) => {
          points.pass('facts.taken');
          await options.handle(messages);
          points.pass('facts.ack.before');
          left('facts.ack.after');
        },
      }),
  });
}

/** `target` with some of its methods replaced; the others keep their own `this`. */
export function overlaid<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (object, name) => {
      if (Object.hasOwn(methods, name)) return methods[name as keyof T];
      const value: unknown = Reflect.get(object, name, object);
      return typeof value === 'function' ? (value as Call).bind(object as never) : value;
    },
  });
}

/** Waits for `ms`, or until the signal aborts. */
function aborted(signal: AbortSignal, ms?: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done);
  });
}
