import { type Batch, type HttpCase, tryAll } from '../kit/index.ts';

/* The gateway that trusts the headers of an edge gets requests from a client that is not the edge. */

const name = 'edge';
type Header = readonly [string, string];

function casesOf(secret: string): HttpCase[] {
  const proof: Header = ['X-Edge-Secret', secret];
  const ada: Header = ['X-Supabase-User-ID', 'ada'];
  const acme: Header = ['X-Supabase-Tenant-ID', 'acme'];
  const ask = (
    what: string,
    headers: readonly Header[],
    wants: readonly number[] = [401],
    path = '/runs',
  ): HttpCase => ({
    name: what,
    gateway: 'edge',
    method: 'GET',
    path,
    headers,
    wants,
  });
  return [
    { ...ask('the edge itself', [proof, ada, acme], [200]), reader: 'victim' },
    ask('no secret', [ada, acme]),
    ask('an empty secret', [['X-Edge-Secret', ''], ada, acme]),
    ask('another secret', [['X-Edge-Secret', `${secret.slice(0, -1)}0`], ada, acme]),
    ask('a part of the secret', [['X-Edge-Secret', secret.slice(0, 16)], ada, acme]),
    ask('the secret twice', [proof, proof, ada, acme]),
    ask('two secrets', [['X-Edge-Secret', 'x'], proof, ada, acme]),
    ask('two secrets in one', [['X-Edge-Secret', `x, ${secret}`], ada, acme]),
    ask('the secret under an underscored name', [['X_Edge_Secret', secret], ada, acme]),
    ask('the secret as a bearer', [['Authorization', `Bearer ${secret}`], ada, acme]),
    ask('the secret in the query', [ada, acme], [401], `/runs?x-edge-secret=${secret}`),
    ask('nobody', [proof, acme]),
    ask('an empty user', [proof, ['X-Supabase-User-ID', ''], acme]),
    ask('two users', [proof, ada, ['X-Supabase-User-ID', 'root'], acme]),
    ask('two tenants', [proof, ada, acme, ['X-Supabase-Tenant-ID', 'evil']]),
    ask('a user of 300 characters', [proof, ['X-Supabase-User-ID', 'a'.repeat(300)], acme]),
    ask('the headers of development', [proof, ['X-User-Id', 'ada'], ['X-Tenant-Id', 'acme']]),
    ask('a user under an underscored name', [proof, ['X_Supabase_User_ID', 'ada'], acme]),
    ...['anon', 'service_role', 'Service_Role'].map((role) =>
      ask(`the role ${role}`, [proof, ada, acme, ['X-Supabase-User-Role', role]]),
    ),
    ...['Admin', 'admin,user', 'admin ', ' administrator', 'root', 'auditor;admin']
      .map((role) =>
        // HTTP ignores spaces around the value of a header.
        ask(
          `the role ${role}`,
          [proof, ada, acme, ['X-Supabase-User-Role', role]],
          role.trim() === 'admin' ? [200] : [401, 403],
          '/tool-definitions',
        ),
      )
      .map((each): HttpCase => ({ ...each, reader: 'victim' })),
    ask('the role of development', [proof, ada, acme, ['X-User-Role', 'admin']], [403], '/tool-definitions'),
    ask(
      'a role under an underscored name',
      [proof, ada, acme, ['X_Supabase_User_Role', 'admin']],
      [403],
      '/tool-definitions',
    ),
  ];
}

export const edge: Batch = {
  name,
  about: 'headers of the edge by somebody who is not the edge: doubled, joined, underscored, empty',
  run: (attack) => tryAll(attack, name, casesOf(attack.stack.edgeSecret)),
};
