import type { Principal, Role, ToolInfo } from '@switchyard/contracts';
import { z } from 'zod';

/** What a tool gets beside its arguments. */
export interface ToolContext {
  /** On whose behalf; data that belongs to a user is found by it and by nothing else. */
  readonly principal: Principal;
  /** The values of `requiredCredentials`, by name. Never to be put into the output. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Aborted by a cancel and by the tool's time limit. */
  readonly signal: AbortSignal;
  /** The same for every try of the same call; to be handed on to whatever has the effect. */
  readonly idempotencyKey?: string;
}

/** An error whose text the model and the user may read: what is wrong and what to do. */
export class ToolError extends Error {}

export interface ToolDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** 1 to 64 letters, digits, "_" and "-". */
  readonly name: string;
  readonly description: string;
  readonly provider: string;
  readonly kind: ToolInfo['kind'];
  readonly idempotency: ToolInfo['idempotency'];
  readonly requiredRole?: Role;
  /** Names of credentials of the environment that it cannot run without. */
  readonly requiredCredentials?: readonly string[];
  readonly input: I;
  readonly output: O;
  readonly timeoutMs: number;
  run(input: z.output<I>, context: ToolContext): Promise<z.input<O>> | z.input<O>;
}

/** A tool in the registry: its schemas in JSON are made once. */
export interface Tool extends ToolDefinition {
  readonly info: ToolInfo;
}

/** Declares a tool. Its argument and result types follow from the schemas. */
export function defineTool<I extends z.ZodType, O extends z.ZodType>(definition: ToolDefinition<I, O>): Tool {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(definition.name)) throw new Error(`a tool may not be called "${definition.name}"`);
  const { name, description, provider, kind, idempotency, requiredRole } = definition;
  const info: ToolInfo = {
    name,
    description,
    provider,
    kind,
    idempotency,
    ...(requiredRole === undefined ? {} : { requiredRole }),
    inputSchema: jsonSchema(definition.input, 'input'),
    outputSchema: jsonSchema(definition.output, 'output'),
  };
  // The executor parses with `input` before it calls `run`, so the wider type is never relied on.
  return { ...(definition as unknown as ToolDefinition), info };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return rest;
}
