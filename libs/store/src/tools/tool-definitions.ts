/** A tool that an admin registered for a tenant. */
export interface ToolDefinitionRow {
  readonly tenantId: string;
  /** Under which it is listed. */
  readonly name: string;
  /** JSON, as whoever put it wrote it. */
  readonly definition: string;
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface ToolDefinitions {
  /** `full`: the tenant has as many as it may have. */
  put(row: Omit<ToolDefinitionRow, 'at'>, mostOfTenant: number): Promise<'added' | 'replaced' | 'full'>;
  /** False where there was none. */
  remove(tenantId: string, name: string): Promise<boolean>;
  of(tenantId: string): Promise<ToolDefinitionRow[]>;
  /** All, at most `limit`, and the version that they are of. */
  all(limit: number): Promise<{ version: string; rows: ToolDefinitionRow[] }>;
  /** Another one after every change. */
  version(): Promise<string>;
}
