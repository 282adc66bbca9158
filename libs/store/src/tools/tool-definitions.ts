/** A tool that an admin registered for a tenant. */
export interface ToolDefinitionRow {
  readonly tenantId: string;
  /** The name under which it is listed. */
  readonly name: string;
  /** JSON, exactly as the admin wrote it. */
  readonly definition: string;
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface ToolDefinitions {
  /** `full`: the tenant has reached its limit. */
  put(row: Omit<ToolDefinitionRow, 'at'>, mostOfTenant: number): Promise<'added' | 'replaced' | 'full'>;
  /** False if there was none. */
  remove(tenantId: string, name: string): Promise<boolean>;
  of(tenantId: string): Promise<ToolDefinitionRow[]>;
  /** All definitions of the tenant, at most `limit`, and their version. */
  all(limit: number): Promise<{ version: string; rows: ToolDefinitionRow[] }>;
  /** The version, which differs after every change. */
  version(): Promise<string>;
}
