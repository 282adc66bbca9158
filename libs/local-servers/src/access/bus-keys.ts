import type { AppName, BusKey } from '@switchyard/contracts';
import type { Passwords } from './passwords.ts';

/** The name of the secret from which every key of the stack is derived. */
const ROOT = 'bus.root';

/** The keys that sign and check requests on the bus. Each service gets the keys of its own pairs only. */
export interface BusKeys {
  /** The keys as environment variables of a service. */
  of(app: AppName): { readonly BUS_KEYS: string };
  ofOperator(person: string): { readonly BUS_KEYS: string };
  read(text: string): readonly BusKey[];
}

/**
 * The keys of a stack. The contracts are loaded here and not at the start, because most commands need no key and a user
 * waits for each command.
 */
export async function loadBusKeys(passwords: Pick<Passwords, 'of'>): Promise<BusKeys> {
  const { busKeysFor, busKeysForOperator, parseBusKeys } = await import('@switchyard/contracts');
  return {
    of: (app) => ({ BUS_KEYS: busKeysFor(app, passwords.of(ROOT)) }),
    ofOperator: (person) => ({ BUS_KEYS: busKeysForOperator(person, passwords.of(ROOT)) }),
    read: parseBusKeys,
  };
}
