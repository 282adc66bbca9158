import type { AgentTurns, Store } from '@switchyard/store';
import { memoryEffects } from './memory-effects.ts';
import { memoryNotes } from './memory-notes.ts';

/** A store without a database. No provider is set up over it, so nobody asks for connections. */
export function memoryStore(): Pick<Store, 'notes' | 'effects' | 'agentTurns' | 'connections' | 'ping'> {
  const connections = new Proxy({} as Store['connections'], {
    get: (_target, name) => {
      throw new Error(`no connections here: ${String(name)}`);
    },
  });
  return {
    notes: memoryNotes(),
    effects: memoryEffects(),
    agentTurns: memoryTurns(),
    connections,
    ping: async () => undefined,
  };
}

/** The turns of agents in this process. */
export function memoryTurns(): AgentTurns {
  const steps = new Map<string, string[]>();
  const of = ({ tenantId, userId, stepKey }: Parameters<AgentTurns['of']>[0]): string[] => {
    const key = JSON.stringify([tenantId, userId, stepKey]);
    const turns = steps.get(key) ?? [];
    steps.set(key, turns);
    return turns;
  };
  return {
    keep: async (step, turn, body) => (of(step)[turn - 1] ??= body),
    of: async (step) => [...of(step)],
    remove: async () => 0,
  };
}
