import { afterAll, beforeAll } from '@jest/globals';
import type { RequestContract } from '@switchyard/contracts';
import type { Bus, Handler } from '../src/index.ts';
import type { Wire, World } from './harness.ts';

/** Two apps that speak with each other on one message system. */
export interface Parties {
  readonly wire: Wire;
  readonly world: World;
  readonly asker: Bus;
  readonly worker: Bus;
  /** Lets the worker answer while `fn` runs. */
  answering<C extends RequestContract, T>(
    answer: [contract: C, handler: Handler<C>, options?: { maxInFlight?: number }],
    fn: () => Promise<T>,
  ): Promise<T>;
}

/** They are there for the tests of the describe that this is called in. */
export function openParties(wire: Wire, open: () => Promise<World>): Parties {
  let world: World;
  let asker: Bus;
  let worker: Bus;
  beforeAll(async () => {
    world = await open();
    [asker, worker] = await Promise.all([world.connect('gateway'), world.connect('mcp-tool')]);
    await worker.ensureStreams();
  });
  afterAll(() => world?.stop());
  return {
    wire,
    get world() {
      return world;
    },
    get asker() {
      return asker;
    },
    get worker() {
      return worker;
    },
    answering: async ([contract, handler, options], fn) => {
      const subscription = await worker.answer(contract, handler, options);
      try {
        return await fn();
      } finally {
        await subscription.stop();
      }
    },
  };
}
