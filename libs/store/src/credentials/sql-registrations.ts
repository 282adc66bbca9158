import type { Pool } from 'pg';
import { rows, type Statement } from '../postgres/index.ts';
import type { Registration, Registrations } from './registrations.ts';

const statement = (name: string, text: string): Statement => ({ name: `registrations_${name}`, text });

const COLUMNS = 'provider, issuer, client_id, redirect_uri, sealed, kid, expires_at';
const GET = statement(
  'get',
  `select ${COLUMNS} from mcp_tool.provider_registrations
   where provider = $1 and issuer = $2 and (expires_at is null or expires_at > clock_timestamp())`,
);
/**
 * Of two concurrent registrations the first is kept. A registration is replaced only if it has expired or has another
 * redirect address.
 */
const SAVE = statement(
  'save',
  `insert into mcp_tool.provider_registrations as r (${COLUMNS}, created_at)
   values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
   on conflict (provider, issuer) do update set
     client_id = excluded.client_id, redirect_uri = excluded.redirect_uri, sealed = excluded.sealed,
     kid = excluded.kid, expires_at = excluded.expires_at, created_at = excluded.created_at
   where r.redirect_uri <> excluded.redirect_uri or r.expires_at <= clock_timestamp()
   returning ${COLUMNS}`,
);
const REMOVE = statement(
  'remove',
  `delete from mcp_tool.provider_registrations where provider = $1 and issuer = $2 and client_id = $3
   returning client_id`,
);
const RESEAL = statement(
  'reseal',
  `update mcp_tool.provider_registrations set sealed = $4, kid = $5
   where provider = $1 and issuer = $2 and sealed = $3`,
);
const SEALED_OTHERWISE = statement(
  'sealed_otherwise',
  `select ${COLUMNS} from mcp_tool.provider_registrations where kid <> $1 order by provider, issuer limit $2`,
);

interface Row {
  provider: string;
  issuer: string;
  client_id: string;
  redirect_uri: string;
  sealed: string;
  kid: string;
  expires_at: Date | null;
}

/** Registrations over PostgreSQL. */
export class SqlRegistrations implements Registrations {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async get({ provider, issuer }: Pick<Registration, 'provider' | 'issuer'>): Promise<Registration | undefined> {
    const [found] = await rows<Row>(this.#pool, GET, [provider, issuer]);
    return found && toRegistration(found);
  }

  async save(made: Registration): Promise<Registration> {
    const { provider, issuer, clientId, redirectUri, sealed, kid, expiresAt } = made;
    const until = expiresAt === null ? null : new Date(expiresAt);
    const [saved] = await rows<Row>(this.#pool, SAVE, [provider, issuer, clientId, redirectUri, sealed, kid, until]);
    return saved ? toRegistration(saved) : ((await this.get(made)) ?? made);
  }

  async remove({ provider, issuer, clientId }: Pick<Registration, 'provider' | 'issuer' | 'clientId'>) {
    return (await rows(this.#pool, REMOVE, [provider, issuer, clientId])).length > 0;
  }

  async reseal(
    { provider, issuer, sealed: before }: Pick<Registration, 'provider' | 'issuer' | 'sealed'>,
    sealed: string,
    kid: string,
  ): Promise<void> {
    await rows(this.#pool, RESEAL, [provider, issuer, before, sealed, kid]);
  }

  async sealedOtherwise(kid: string, limit: number): Promise<Registration[]> {
    return (await rows<Row>(this.#pool, SEALED_OTHERWISE, [kid, limit])).map(toRegistration);
  }
}

function toRegistration({ client_id, redirect_uri, expires_at, ...row }: Row): Registration {
  return { ...row, clientId: client_id, redirectUri: redirect_uri, expiresAt: expires_at?.getTime() ?? null };
}
