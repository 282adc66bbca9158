import { performStep, type Principal, type Role, ToolInfo } from '@switchyard/contracts';
import { z } from 'zod';

/** That of a step: nobody waits longer for a tool. */
const MAX_TIMEOUT_MS = performStep.mcp.timeoutMs;

/** What a tool gets beside its arguments. */
export interface ToolContext {
  /** On whose behalf; data that belongs to a user is found by it and by nothing else. */
  readonly principal: Principal;
  /** The values of `requiredCredentials`, by name. Never to be put into the output. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Aborted by a cancel and by the tool's time limit. */
  readonly signal: AbortSignal;
  /** The same for every try of the same call; to be handed on to whatever has the effect (downstream.ts). */
  readonly idempotencyKey?: string | undefined;
  /** The run and its step, where the call belongs to one. */
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
}

/** An error whose text the model and the user may read: what is wrong and what to do. */
export class ToolError extends Error {}

export interface ToolDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** 1 to 64 letters, digits, "_" and "-". */
  readonly name: string;
  readonly description: string;
  readonly provider: string;
  readonly kind: ToolInfo['kind'];
  /**
   * What a repeat does. `safe`: there is nothing to repeat; `key`: the same call has its effect once, by the
   * idempotency key or by what it does; `none`: it may have it twice, so it is never repeated.
   */
  readonly idempotency: ToolInfo['idempotency'];
  readonly requiredRole?: Role;
  /** A person must approve each call that a run makes. */
  readonly requiresApproval?: boolean;
  /** Names of credentials of the environment that it cannot run without. */
  readonly requiredCredentials?: readonly string[];
  readonly input: I;
  readonly output: O;
  /** Longest a call may take; whoever called has an answer by then. */
  readonly timeoutMs: number;
  run(input: z.output<I>, context: ToolContext): Promise<z.input<O>> | z.input<O>;
}

/** A tool in the registry: its schemas in JSON are made once. */
export interface Tool extends ToolDefinition {
  readonly info: ToolInfo;
}

/**
 * Declares a tool. Its argument and result types follow from the schemas. Throws where the definition is one that
 * could not be listed or called, so that the mistake ends the start.
 */
export function defineTool<I extends z.ZodType, O extends z.ZodType>(definition: ToolDefinition<I, O>): Tool {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(definition.name)) throw new Error(`a tool may not be called "${definition.name}"`);
  if (!(definition.timeoutMs > 0 && definition.timeoutMs <= MAX_TIMEOUT_MS))
    throw new Error(`${definition.name} needs a time limit of at most ${MAX_TIMEOUT_MS} ms`);
  const { name, description, provider, kind, idempotency, requiredRole, requiresApproval } = definition;
  const info = ToolInfo.parse({
    name,
    description,
    provider,
    kind,
    idempotency,
    ...(requiredRole === undefined ? {} : { requiredRole }),
    ...(requiresApproval ? { requiresApproval } : {}),
    inputSchema: jsonSchema(definition.input, 'input'),
    outputSchema: jsonSchema(definition.output, 'output'),
  });
  // The executor parses with `input` before it calls `run`, so the wider type is never relied on.
  return { ...(definition as unknown as ToolDefinition), info };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return rest;
}
