import type { AppName, BusKey } from '@switchyard/contracts';
import type { Passwords } from './passwords.ts';

/** The name of the secret that every key of the stack is derived from. */
const ROOT = 'bus.root';

/** The keys with which questions on the bus are signed and checked: for each service those of its own pairs. */
export interface BusKeys {
  /** As a service takes them from its environment. */
  of(app: AppName): { readonly BUS_KEYS: string };
  ofOperator(person: string): { readonly BUS_KEYS: string };
  read(text: string): readonly BusKey[];
}

/**
 * The keys of a stack. The contracts are loaded here: most calls of the command line need none, and somebody waits for
 * each.
 */
export async function loadBusKeys(passwords: Pick<Passwords, 'of'>): Promise<BusKeys> {
  const { busKeysFor, busKeysForOperator, parseBusKeys } = await import('@switchyard/contracts');
  return {
    of: (app) => ({ BUS_KEYS: busKeysFor(app, passwords.of(ROOT)) }),
    ofOperator: (person) => ({ BUS_KEYS: busKeysForOperator(person, passwords.of(ROOT)) }),
    read: parseBusKeys,
  };
}
