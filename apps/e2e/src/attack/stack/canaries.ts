import { randomBytes } from 'node:crypto';

/*
 * Texts that must not be found where they do not belong. They are made anew for each stack, so that one that is found
 * came from this stack and nowhere else.
 */

/** Who may see a canary: nobody at all, or the tenant whose it is. */
type Audience = 'nobody' | 'victim';

export interface Canary {
  readonly name: string;
  readonly value: string;
  readonly audience: Audience;
}

export class Canaries {
  readonly #all: Canary[] = [];

  /** A secret of the deployment: in no answer, no event and no log. */
  secret(name: string, value = `canary${randomBytes(16).toString('hex')}`): string {
    this.#all.push({ name, value, audience: 'nobody' });
    return value;
  }

  /** Something that the victim wrote: in no answer to anybody else. */
  ofVictim(name: string): string {
    const value = `private${randomBytes(12).toString('hex')}`;
    this.#all.push({ name, value, audience: 'victim' });
    return value;
  }

  /** The names of the canaries in a text that `reader` must not see. */
  in(text: string, reader: 'victim' | 'other' | 'log'): string[] {
    return this.#all
      .filter(({ value, audience }) => (audience === 'nobody' || reader === 'other') && text.includes(value))
      .map(({ name }) => name);
  }
}
