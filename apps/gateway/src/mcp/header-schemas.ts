import type { Principal } from '@switchyard/contracts';
import { BoundedMap } from '@switchyard/platform';
import type { ToolPage } from './tool-lists.ts';

/*
 * The tools that want some arguments as headers, too (`x-mcp-header` in their schema): a server must refuse a call
 * whose headers and arguments differ, but at that moment knows only the tool's name.
 * A user's schemas count for as long as a client may rely on its list. The number of users is limited: the one whose
 * list was fetched longest ago goes first.
 */

const GOOD_FOR_MS = 30_000;
const MAX_USERS = 1_000;

type Schemas = ToolPage['wantHeaders'];

export class HeaderSchemas {
  readonly #known = new BoundedMap<string, { at: number; schemas: Promise<Schemas> }>(MAX_USERS);

  /** Fetches the schemas of a user's tools with such headers. */
  readonly #list: (principal: Principal) => Promise<Schemas>;
  readonly #now: () => number;

  constructor(list: (principal: Principal) => Promise<Schemas>, now: () => number = Date.now) {
    this.#list = list;
    this.#now = now;
  }

  async find(principal: Principal, tool: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const user = JSON.stringify([principal.tenantId, principal.userId, principal.role, principal.tools]);
    let known = this.#known.get(user);
    if (!known || this.#now() - known.at >= GOOD_FOR_MS) {
      const asked = { at: this.#now(), schemas: this.#list(principal) };
      known = asked;
      this.#known.set(user, asked);
      asked.schemas.catch(() => this.#known.get(user) === asked && this.#known.delete(user));
    }
    // If the list cannot be fetched now, the call itself finds the mistake.
    return (await known.schemas.catch(() => undefined))?.get(tool);
  }
}
