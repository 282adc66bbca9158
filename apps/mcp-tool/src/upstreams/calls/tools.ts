import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { McpToolResult } from '@switchyard/contracts';
import type { Catalog } from '../../catalog/index.ts';
import { stripControlChars, type InputStates } from '../../common/index.ts';
import { type Checked, keyMeta, makeTool, type Tool, ToolError, type Trust } from '../../tool/index.ts';
import type { ActiveTool, Definition } from '../definitions/index.ts';
import { callUpstreamTool, InputNeeded, NotDone } from './calls.ts';
import { framesOf } from './frames.ts';
import { toolNameOf, uriOf } from './names.ts';
import type { UpstreamPool } from '../connections/index.ts';
import { answerOf, errorText, type UpstreamAnswer } from './results.ts';

/*
 * Tools of upstreams as tools of ours.
 *
 * - The operator says what a tool may do to the world and who may call it. The tool's own annotations can only raise
 *   its kind (upstreams/connections/policy.ts). MCP clients get the annotations as hints, without those with which an
 *   untrusted upstream would claim less than the operator says.
 * - This service checks arguments and results against the approved schemas.
 * - A name that is taken stays with the tool that has it.
 */

/** Checks values against a schema of an upstream: bounded in time, whatever the schema. Throws where it refuses it. */
type Compile = (schema: Record<string, unknown>, trust: Trust) => (value: unknown) => Checked;

export interface UpstreamToolParts {
  readonly catalog: Catalog;
  readonly pool: Pick<UpstreamPool, 'use'>;
  readonly states: InputStates;
  readonly compile: Compile;
}

/** Most characters of a description that anybody is shown. */
const MAX_DESCRIPTION = 2_000;
const MAX_TITLE = 200;
const HINTS = ['title', 'readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];

export class UpstreamTools {
  readonly #parts: UpstreamToolParts;

  constructor(parts: UpstreamToolParts) {
    this.#parts = parts;
  }

  /** Why a definition cannot be used at all. */
  objections({ inputSchema, outputSchema }: Definition, trust: Trust): string[] {
    try {
      this.#parts.compile(inputSchema as Record<string, unknown>, trust);
      if (outputSchema !== undefined) this.#parts.compile(outputSchema as Record<string, unknown>, trust);
      return [];
    } catch (error) {
      const why = stripControlChars((error as Error).message).replace(/^The schema was refused: /, '');
      return [`its schema is refused: ${why.slice(0, 200)}`];
    }
  }

  /** Puts the tools of an upstream into the catalogue. Answers why some could not be taken: a name may be taken already. */
  publish(upstream: string, tools: readonly ActiveTool[]): string[] {
    const { catalog } = this.#parts;
    const source = `upstream ${upstream}`;
    const taken = new Map<string, Tool>();
    const objections: string[] = [];
    for (const active of tools) {
      const { name } = active.definition;
      try {
        const tool = this.#toolOf(active);
        const other = taken.has(tool.name) || catalog.isTaken(tool.name, source);
        if (other) objections.push(`${name}: there is a tool called ${tool.name} already`);
        else taken.set(tool.name, tool);
      } catch (error) {
        objections.push(`${name}: ${(error as Error).message.slice(0, 200)}`);
      }
    }
    if (taken.size > 0) catalog.put(source, [...taken.values()]);
    else catalog.remove(source);
    return objections;
  }

  /** Names of tools that are of no upstream. */
  otherNames(): string[] {
    const { tools } = this.#parts.catalog.snapshot;
    return tools.filter(({ source }) => source !== 'mcp_upstream').map(({ name }) => name);
  }

  #toolOf(active: ActiveTool): Tool {
    const { upstream, definition, policy } = active;
    const checkInput = this.#parts.compile(definition.inputSchema, upstream.trust);
    const checkOutput = definition.outputSchema && this.#parts.compile(definition.outputSchema, upstream.trust);
    const { kind, idempotency } = policy;
    const role = policy.required_role ?? upstream.required_role;
    const title = definition.title ?? definition.annotations?.title;
    const hints = hintsOf(definition, upstream.trust, kind);
    const options = {
      name: toolNameOf(upstream, definition.name),
      provider: upstream.provider,
      source: 'mcp_upstream' as const,
      trust: upstream.trust,
      kind,
      idempotency, // From the operator's rules, never from the tool's own hint.
      description: stripControlChars(definition.description ?? title ?? definition.name).slice(0, MAX_DESCRIPTION),
      ...(title === undefined ? {} : { title: stripControlChars(title).slice(0, MAX_TITLE) }),
      inputSchema: definition.inputSchema as Record<string, unknown>,
      ...(definition.outputSchema ? { outputSchema: definition.outputSchema as Record<string, unknown> } : {}),
      ...(hints ? { annotations: hints } : {}),
      ...(role === undefined ? {} : { requiredRole: role }),
      ...((policy.requires_approval ?? kind === 'destructive') ? { requiresApproval: true } : {}),
      timeoutMs: Math.max(policy.timeout_ms ?? upstream.timeout_ms, upstream.max_timeout_ms),
    };
    return makeTool(options, {
      check: leavingOutNulls(checkInput),
      run: async (args, context) => {
        const { principal, mcp, signal, tell, ask: asker } = context;
        const frames = framesOf(mcp, tell);
        const meta = keyMeta(context);
        const ask = { principal, arguments: args as Record<string, unknown>, mcp, meta, signal, ask: asker, ...frames };
        const result = await callUpstreamTool(
          { use: (...of) => this.#parts.pool.use(...of), states: this.#parts.states },
          active,
          ask,
        ).catch(asToolError);
        const answer = answerOf(result as Record<string, unknown>, (uri) => uriOf(upstream, uri));
        // A tool that says `isError` has answered: it knows what it did.
        if (answer.isError) throw new ToolError(errorText(answer), { mcp: answer.mcp as McpToolResult });
        return answer;
      },
      judge: (given) => {
        const { output, mcp } = given as UpstreamAnswer;
        // The approved schema is a promise about the structured value alone.
        const verdict = checkOutput?.(mcp.structuredContent ?? output);
        return verdict && !verdict.ok ? verdict : { ok: true, value: output, mcp: mcp as McpToolResult };
      },
    });
  }
}

/** Models write null for what they leave out: where null does not fit and leaving it out does, it is left out. */
function leavingOutNulls(check: ReturnType<Compile>): ReturnType<Compile> {
  return (args) => {
    const checked = check(args);
    if (checked.ok || typeof args !== 'object' || args === null) return checked;
    const given = Object.entries(args).filter(([, value]) => value !== null);
    const again = given.length === Object.keys(args).length ? checked : check(Object.fromEntries(given));
    return again.ok ? again : checked;
  };
}

function asToolError(error: unknown): never {
  if (error instanceof InputNeeded)
    throw new ToolError(error.message, { code: 'input_required', inputRequired: error.required });
  if (!(error instanceof NotDone)) throw error;
  const { message, mcpError, away, cause } = error;
  throw new ToolError(message, { cause, ...(away ? { code: 'unavailable' } : {}), ...(mcpError ? { mcpError } : {}) });
}

/**
 * The hints for MCP clients. Clients call a tool with `readOnlyHint` without asking a person: an untrusted upstream
 * cannot give this hint to a tool whose kind is not `read`.
 */
function hintsOf({ annotations }: McpTool, trust: Trust, kind: Tool['kind']): Record<string, unknown> | undefined {
  const lowers = (key: string, value: unknown): boolean =>
    (key === 'readOnlyHint' && value === true && kind !== 'read') ||
    (key === 'destructiveHint' && value !== true && kind === 'destructive');
  const hints = Object.entries(annotations ?? {}).flatMap(([key, value]): [string, unknown][] => {
    if (!HINTS.includes(key) || (trust === 'untrusted' && lowers(key, value))) return [];
    return typeof value === 'string' ? [[key, stripControlChars(value).slice(0, MAX_TITLE)]] : [[key, value === true]];
  });
  return hints.length === 0 ? undefined : Object.fromEntries(hints);
}
