/** How we are known at an authorization server. `sealed` is opened by whoever has the key, never here. */
export interface Registration {
  readonly provider: string;
  readonly issuer: string;
  readonly clientId: string;
  /** Where browsers are sent back to, as the authorization server was told. */
  readonly redirectUri: string;
  readonly sealed: string;
  readonly kid: string;
  /** Milliseconds since 1970; null: it does not end. */
  readonly expiresAt: number | null;
}

type Of = Pick<Registration, 'provider' | 'issuer'>;

/** Registrations as a client: one per provider and issuer (see prisma/migrations, `discovered_providers`). */
export interface Registrations {
  /** Undefined where there is none, or it has ended. */
  get(of: Of): Promise<Registration | undefined>;
  /** Answers the one that counts from now on: this one, or the one that was there before it. */
  save(registration: Registration): Promise<Registration>;
  /** False: it was another one by then. */
  remove(of: Of & Pick<Registration, 'clientId'>): Promise<boolean>;
  /** Puts the same under another key, where it is still what was read. */
  reseal(of: Of & Pick<Registration, 'sealed'>, sealed: string, kid: string): Promise<void>;
  /** Some of those that are sealed with other keys than `kid`. */
  sealedOtherwise(kid: string, limit: number): Promise<Registration[]>;
}
