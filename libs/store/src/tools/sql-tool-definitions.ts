import type { Pool } from 'pg';
import { row, rows, type Statement } from '../postgres/index.ts';
import type { ToolDefinitionRow, ToolDefinitions } from './tool-definitions.ts';

const statement = (name: string, text: string): Statement => ({ name: `tool_definitions_${name}`, text });

const COLUMNS = 'tenant_id, name, definition, by_user, updated_at';
/** The limit does not count the definition itself, so an existing one may always be replaced. */
const PUT = statement(
  'put',
  `insert into mcp_tool.tool_definitions as d (tenant_id, name, definition, by_user, updated_at)
   select $1, $2, $3, $4, clock_timestamp()
   where (select count(*) from mcp_tool.tool_definitions where tenant_id = $1 and name <> $2) < $5
   on conflict (tenant_id, name) do update set
     definition = excluded.definition, by_user = excluded.by_user, updated_at = excluded.updated_at
   returning xmax = 0 as added`,
);
const REMOVE = statement(
  'remove',
  'delete from mcp_tool.tool_definitions where tenant_id = $1 and name = $2 returning name',
);
const OF = statement('of', `select ${COLUMNS} from mcp_tool.tool_definitions where tenant_id = $1 order by name`);
const ALL = statement('all', `select ${COLUMNS} from mcp_tool.tool_definitions order by tenant_id, name limit $1`);
const VERSION = statement('version', 'select version from mcp_tool.tool_definitions_version');

interface Row {
  tenant_id: string;
  name: string;
  definition: string;
  by_user: string;
  updated_at: Date;
}

/** Definitions of tools over PostgreSQL. */
export class SqlToolDefinitions implements ToolDefinitions {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async put(
    { tenantId, name, definition, by }: Omit<ToolDefinitionRow, 'at'>,
    mostOfTenant: number,
  ): Promise<'added' | 'replaced' | 'full'> {
    const [put] = await rows<{ added: boolean }>(this.#pool, PUT, [tenantId, name, definition, by, mostOfTenant]);
    if (!put) return 'full';
    return put.added ? 'added' : 'replaced';
  }

  async remove(tenantId: string, name: string): Promise<boolean> {
    return (await rows(this.#pool, REMOVE, [tenantId, name])).length > 0;
  }

  async of(tenantId: string): Promise<ToolDefinitionRow[]> {
    return (await rows<Row>(this.#pool, OF, [tenantId])).map(toDefinition);
  }

  async all(limit: number): Promise<{ version: string; rows: ToolDefinitionRow[] }> {
    // The version is read first: a change in between is read again.
    const version = await this.version();
    return { version, rows: (await rows<Row>(this.#pool, ALL, [limit])).map(toDefinition) };
  }

  async version(): Promise<string> {
    return String((await row<{ version: string }>(this.#pool, VERSION, [])).version);
  }
}

function toDefinition({ tenant_id, name, definition, by_user, updated_at }: Row): ToolDefinitionRow {
  return { tenantId: tenant_id, name, definition, by: by_user, at: updated_at.getTime() };
}
