import { issueLines, type Role, safeParse, type ToolInfo } from '@switchyard/contracts';
import { z } from 'zod';
import { makeTool, type Tool, type ToolContext, type Trust } from './tool.ts';
import type { TokenOf } from '../oauth/index.ts';

/** A tool that is written here, in TypeScript. */
export interface ToolDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** 1 to 64 letters, digits, "_" and "-". */
  readonly name: string;
  /** Names that mean this tool wherever one is named; lists, facts and the ledger have its name. */
  readonly aliases?: readonly string[];
  readonly title?: string;
  readonly version?: string;
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
  /** What the user's authorisation of the provider must cover. */
  readonly requiredScopes?: readonly string[];
  /** Whose token of the user goes with its calls; without it the tool is not there. */
  readonly tokenOf?: TokenOf;
  /** `untrusted`: its output holds content of outsiders. Default `trusted`. */
  readonly trust?: Trust;
  readonly input: I;
  readonly output: O;
  /** Longest a call may take; whoever called has an answer by then. */
  readonly timeoutMs: number;
  /** Most bytes of what it gives; the rest is cut. Default 64 KB. */
  readonly maxOutputBytes?: number;
  run(input: z.output<I>, context: ToolContext): Promise<z.input<O>> | z.input<O>;
}

/**
 * Declares a tool. Its argument and result types follow from the schemas. Throws where the definition is one that
 * could not be listed or called, so that the mistake ends the start.
 */
export function defineTool<I extends z.ZodType, O extends z.ZodType>(definition: ToolDefinition<I, O>): Tool {
  const { input, output, run, aliases, ...data } = definition;
  const inputSchema = jsonSchema(input, 'input');
  const outputSchema = jsonSchema(output, 'output');
  const options = {
    ...data,
    ...(aliases ? { aliases: [...aliases] } : {}),
    source: 'native' as const,
    inputSchema,
    outputSchema,
  };
  return makeTool(options, {
    check: (args) => parsed(input, args),
    // `check` parsed with `input` before, so the wider type is never relied on.
    run: (value, context) => run(value as z.output<I>, context),
    judge: (value) => parsed(output, value),
  });
}

function parsed(schema: z.ZodType, value: unknown) {
  const result = safeParse(schema, value);
  return result.success
    ? ({ ok: true, value: result.data } as const)
    : ({ ok: false, issues: issueLines(result.error) } as const);
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return rest;
}
