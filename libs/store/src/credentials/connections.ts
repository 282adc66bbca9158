/** Whose connection. */
export interface ConnectionOwner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}

/** What a user has authorised at a provider. `sealed` is opened by whoever has the key, never here. */
export interface Connection extends ConnectionOwner {
  readonly connectionId: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** What the user is asked for beyond them; all that the next authorisation asks for. Empty: nothing. */
  readonly wantedScopes: readonly string[];
  /** `expired`: the provider does not renew it any more; the user must authorise again. */
  readonly status: 'connected' | 'expired';
  readonly sealed: string;
  readonly kid: string;
  /** Rises with every change. */
  readonly version: number;
  /** When the access token ends, milliseconds since 1970; null: the provider did not say. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A login at a provider that is under way. */
export interface Login extends ConnectionOwner {
  readonly sessionHash: string;
  readonly sealed: string;
  readonly returnTo: string | null;
}

export type NewConnection = Omit<Connection, 'status' | 'version' | 'createdAt' | 'updatedAt' | 'wantedScopes'>;

/** What a renewal gives; null: the provider does not renew any more. */
export type Renewed = Pick<Connection, 'sealed' | 'kid' | 'scopes' | 'expiresAt'> | null;

/** The connections of users to providers (see the promises in prisma/migrations, `provider_connections`). */
export interface Connections {
  /** Takes the place of the user's earlier connection to this provider. */
  save(connection: NewConnection): Promise<void>;
  get(owner: ConnectionOwner): Promise<Connection | undefined>;
  /** By provider. */
  list(owner: Omit<ConnectionOwner, 'provider'>): Promise<Connection[]>;
  /** Another number wherever a connection of this user may have changed. */
  epoch(owner: Omit<ConnectionOwner, 'provider'>): Promise<number>;
  /** Undefined where there was none. */
  remove(owner: ConnectionOwner): Promise<Pick<Connection, 'connectionId' | 'issuer' | 'sealed'> | undefined>;
  /** True: the caller, and nobody else, may renew this version within the lease; one of 0 ms gives it back. */
  claimRenewal(connection: Pick<Connection, 'connectionId' | 'version'>, by: string, leaseMs: number): Promise<boolean>;
  /** False: the connection was revoked, replaced or renewed by another meanwhile. */
  endRenewal(connection: Pick<Connection, 'connectionId' | 'version'>, by: string, renewed: Renewed): Promise<boolean>;
  /** Remembers what the user is to be asked for, until the next authorisation. */
  wantScopes(connectionId: string, scopes: readonly string[]): Promise<void>;
  /** Puts the same credential under another key, where it is still the one that was read. */
  reseal(connection: Pick<Connection, 'connectionId' | 'sealed'>, sealed: string, kid: string): Promise<void>;
  /** Connections that are sealed with other keys than `kid`, after the id `after`. */
  sealedOtherwise(kid: string, options: { after: string; limit: number }): Promise<Connection[]>;
  /** Remembers a login for `ttlMs`. False: this user has too many under way. */
  beginLogin(stateHash: string, login: Login, ttlMs: number): Promise<boolean>;
  /** Takes the login, once. Undefined: there is none, it was taken before, or it is too old. */
  takeLogin(stateHash: string): Promise<Login | undefined>;
}
