import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { PrismaClient } from '../generated/client.ts';

/** The Prisma client, created on first use: a service that never uses it saves its memory and its start. */
export type GetPrisma = () => Promise<PrismaClient>;

interface LazyPrisma {
  readonly get: GetPrisma;
  /** Ends the client if there is one. */
  close(): Promise<void>;
}

/** Prisma on the pool of the prepared statements. */
export function lazyPrisma(pool: Pool): LazyPrisma {
  let client: Promise<PrismaClient> | undefined;
  return {
    get: () => (client ??= open(pool)),
    close: async () => {
      await (await client)?.$disconnect();
    },
  };
}

async function open(pool: Pool): Promise<PrismaClient> {
  const { PrismaClient: Client } = await import('../generated/client.ts');
  // The same class at run time; the adapter was compiled against a later edition of its types.
  return new Client({ adapter: new PrismaPg(pool as unknown as ConstructorParameters<typeof PrismaPg>[0]) });
}
