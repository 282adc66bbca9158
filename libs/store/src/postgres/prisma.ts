import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { PrismaClient } from '../generated/client.ts';

/** The Prisma client, made with its first use: a service that never asks pays neither its memory nor its start. */
export type GetPrisma = () => Promise<PrismaClient>;

interface LazyPrisma {
  readonly get: GetPrisma;
  /** Ends the client where there is one. */
  close(): Promise<void>;
}

/** Prisma over the pool that the prepared statements use, too. */
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
