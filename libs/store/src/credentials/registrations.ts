/** Our client at an authorization server. `sealed` is opened by the holder of the key, never here. */
export interface Registration {
  readonly provider: string;
  readonly issuer: string;
  readonly clientId: string;
  /** The redirect address that was registered. */
  readonly redirectUri: string;
  readonly sealed: string;
  readonly kid: string;
  /** Milliseconds since 1970; null: it does not expire. */
  readonly expiresAt: number | null;
}

type Of = Pick<Registration, 'provider' | 'issuer'>;

/** Registrations as a client: one per provider and issuer (see prisma/migrations, `discovered_providers`). */
export interface Registrations {
  /** Undefined if there is none, or it has expired. */
  get(of: Of): Promise<Registration | undefined>;
  /** Returns the registration that counts: this one, or an earlier one. */
  save(registration: Registration): Promise<Registration>;
  /** False: it was replaced meanwhile. */
  remove(of: Of & Pick<Registration, 'clientId'>): Promise<boolean>;
  /** Stores it sealed under another key, if it is unchanged. */
  reseal(of: Of & Pick<Registration, 'sealed'>, sealed: string, kid: string): Promise<void>;
  /** Some registrations that are sealed with a key other than `kid`. */
  sealedOtherwise(kid: string, limit: number): Promise<Registration[]>;
}
