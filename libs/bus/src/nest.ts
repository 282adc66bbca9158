import {
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  type INestMicroservice,
  type LoggerService,
  Module,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, type CustomTransportStrategy, MessagePattern, Payload, Server } from '@nestjs/microservices';
import { AppError, type InputOf, type OutputOf, type RequestContract } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { firstValueFrom, isObservable, throwError } from 'rxjs';
import { logEvent } from './log-events.ts';
import type { Bus, Call, Subscription } from './protocol/index.ts';

/*
 * Nest handlers on the bus, as a custom transport of Nest. The wire stays plain JSON, without the wrapping and the
 * lenient parsing of Nest's own NATS transport.
 */

const CONTRACTS = new Map<string, RequestContract>();

/**
 * Registers a controller's method as the answer to a request. A method with another argument or return type
 * than the contract's is a compile error.
 */
export function Handles<C extends RequestContract>(contract: C) {
  CONTRACTS.set(contract.subject, contract);
  return <M extends (input: InputOf<C>, call: Call) => Promise<OutputOf<C>>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
    MessagePattern(contract.subject)(target, key, descriptor as PropertyDescriptor);
  };
}

/** The Nest transport strategy: every `@Handles` method of the module answers on this bus. */
class BusTransport extends Server implements CustomTransportStrategy {
  readonly #subscriptions: Subscription[] = [];

  readonly #bus: Bus;

  constructor(bus: Bus) {
    super();
    this.#bus = bus;
  }

  listen(callback: (error?: unknown) => void): void {
    this.#subscribe().then(() => callback(), callback);
  }

  async #subscribe(): Promise<void> {
    for (const [pattern, nestHandler] of this.messageHandlers) {
      const contract = CONTRACTS.get(pattern);
      if (!contract) throw new Error(`no contract is declared for ${pattern}; register the method with @Handles`);
      this.#subscriptions.push(
        await this.#bus.answer(contract, async (input, call) => {
          const answer: unknown = await nestHandler(input, call);
          return isObservable(answer) ? await firstValueFrom(answer) : answer;
        }),
      );
    }
  }

  /** Accepts no new requests and waits for those under way. */
  async close(): Promise<void> {
    await Promise.all(this.#subscriptions.splice(0).map((subscription) => subscription.stop()));
  }

  override on(): never {
    throw new AppError('not_implemented');
  }

  override unwrap<T>(): T {
    return this.#bus as T;
  }
}

/** Passes errors to the bus unchanged; only the bus decides what a caller learns of them. */
@Catch()
class PassOn implements ExceptionFilter {
  catch(error: unknown) {
    return throwError(() => error);
  }
}

/** What answers on the bus. */
export interface Serving {
  /** Classes with `@Handles` methods. */
  readonly handlers: readonly Type[];
  /** The objects that app.ts wired: a handler is given those whose classes its constructor names. */
  readonly parts: readonly object[];
}

/** The one Nest module of a service. */
@Module({})
class ServingModule {
  static of({ handlers, parts }: Serving): DynamicModule {
    const providers = parts.map((part) => ({ provide: part.constructor, useValue: part }));
    return { module: ServingModule, controllers: [...handlers], providers };
  }
}

/**
 * Starts handlers: their `@Handles` methods answer on the bus. Where a handler wants a part that is not given, Nest says which and ends the process.
 * Closing waits for requests under way.
 */
export async function serveOnBus(serving: Serving, bus: Bus, log: Logger): Promise<INestMicroservice> {
  const service = await NestFactory.createMicroservice(ServingModule.of(serving), {
    strategy: new BusTransport(bus),
    logger: nestLogger(log),
  });
  service.useGlobalFilters(new PassOn());
  await service.listen();
  return service;
}

/** Nest's own messages in our log; its start-up chatter only at debug. */
function nestLogger(log: Logger): LoggerService {
  return {
    log: (message: unknown) => log.debug(String(message)),
    debug: (message: unknown) => log.debug(String(message)),
    verbose: (message: unknown) => log.trace(String(message)),
    warn: (message: unknown) => logEvent(log, 'library_warned', { source: 'nest', text: String(message) }),
    error: (message: unknown) => logEvent(log, 'library_failed', { source: 'nest', text: String(message) }),
  };
}
