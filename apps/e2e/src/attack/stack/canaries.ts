import { randomBytes } from 'node:crypto';

/*
 * Random texts that must not appear outside their place. Each stack makes its own, so that a text that appears came
 * from this stack.
 */

/** Who may see a canary: nobody, or the tenant that owns it. */
type Audience = 'nobody' | 'victim';

export interface Canary {
  readonly name: string;
  readonly value: string;
  readonly audience: Audience;
}

export class Canaries {
  readonly #all: Canary[] = [];

  /** A secret of the deployment: no answer, event or log may contain it. */
  secret(name: string, value = `canary${randomBytes(16).toString('hex')}`): string {
    this.#all.push({ name, value, audience: 'nobody' });
    return value;
  }

  /** A text of the victim: no answer to anybody else may contain it. */
  ofVictim(name: string): string {
    const value = `private${randomBytes(12).toString('hex')}`;
    this.#all.push({ name, value, audience: 'victim' });
    return value;
  }

  /** The names of the canaries in `text` that `reader` must not see. */
  in(text: string, reader: 'victim' | 'other' | 'log'): string[] {
    return this.#all
      .filter(({ value, audience }) => (audience === 'nobody' || reader === 'other') && text.includes(value))
      .map(({ name }) => name);
  }
}
