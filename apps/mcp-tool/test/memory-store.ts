import type { Store } from '@switchyard/store';
import { memoryEffects } from './memory-effects.ts';
import { memoryNotes } from './memory-notes.ts';

/** A store without a database. No provider is set up over it, so nobody asks for connections. */
export function memoryStore(): Pick<Store, 'notes' | 'effects' | 'connections' | 'ping'> {
  const connections = new Proxy({} as Store['connections'], {
    get: (_target, name) => {
      throw new Error(`no connections here: ${String(name)}`);
    },
  });
  return { notes: memoryNotes(), effects: memoryEffects(), connections, ping: async () => undefined };
}
