import { z } from 'zod';
import { page } from '../base/fields.ts';
import { HttpToolDefinition } from '../tools/http-tool.ts';
import { Id } from '../base/ids.ts';
import { Role } from '../base/principal.ts';
import { Provenance } from '../steps/steps.ts';
import { MAX_TOOL_FILE_CHARS, ToolFileProblem, ToolVerdict } from '../tools/tool-admin.ts';
import { JsonSchema, ToolInfo, ToolSource } from '../tools/tools.ts';

/* Tools as the HTTP interface has them. */

const ToolNameParam = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a name as the list has it');
const Names = z
  .string()
  .max(4_000)
  .transform((text) => text.split(',').filter((name) => name !== ''))
  .describe('Comma-separated; given, only these (tool constraints, mode custom)');
const Constraints = { providers: Names.optional(), tools: Names.optional() };
const Agents = Names.describe('Comma-separated ids; given, only these agents (tool constraints, mode custom)');
const Cursor = ToolNameParam.optional().describe('`next_cursor` of the page before');

export const ToolListQuery = z.object({
  ...Constraints,
  cursor: Cursor,
  limit: page(500, 100),
});
export const ToolOpenApiQuery = z.object(Constraints);
export const ToolParams = z.object({ name: ToolNameParam });

export const ToolResource = z.object({
  name: z.string(),
  title: z.string().optional(),
  version: z.string().optional(),
  source: ToolSource.optional(),
  description: z.string(),
  provider: z.string(),
  kind: ToolInfo.shape.kind,
  idempotency: ToolInfo.shape.idempotency,
  required_role: Role.optional(),
  requires_approval: z.boolean(),
  input_schema: JsonSchema,
  output_schema: JsonSchema.optional(),
});
export type ToolResource = z.infer<typeof ToolResource>;
export const ToolList = z.object({ tools: z.array(ToolResource), next_cursor: z.string().nullable() });
export type ToolList = z.infer<typeof ToolList>;

export const ToolCallBody = z.object({ arguments: z.record(z.string(), z.unknown()).default({}) });
export const ToolCallAnswer = z.object({
  status: z.enum(['succeeded', 'failed', 'in_doubt']).describe('A tool that fails is an answer, too'),
  output: z.unknown().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  provenance: Provenance.optional().describe('Set if the output is untrusted content'),
});
export type ToolCallAnswer = z.infer<typeof ToolCallAnswer>;

export const ToolRulesQuery = z.object({
  user: Id.optional().describe('Whose view; absent: the own'),
  role: Role.default('user').describe('The role of that user'),
  tool: ToolNameParam.optional().describe('Only this one; `delegate_to_<id>` for an agent'),
  ...Constraints,
  agents: Agents.optional(),
  cursor: Cursor,
  limit: page(500, 200),
});
export const ToolRules = z.object({ verdicts: z.array(ToolVerdict), next_cursor: z.string().nullable() });
export type ToolRules = z.infer<typeof ToolRules>;

export const ToolRegisterQuery = z.object({
  dry_run: z.enum(['true', 'false']).default('false').describe('Only check, and show how it would be listed'),
});
export const ToolRegisterBody = HttpToolDefinition;
export const ToolRegistered = z.object({ tool: ToolResource, replaced: z.boolean() });
export type ToolRegistered = z.infer<typeof ToolRegistered>;
export const RegisteredTools = z.object({
  tools: z.array(z.object({ tool: z.string(), definition: HttpToolDefinition, by: z.string(), at: z.number().int() })),
});
export type RegisteredTools = z.infer<typeof RegisteredTools>;

export const ToolFileBody = z.object({
  file: z.string().min(1).max(200).optional().describe('Its name: the default of `provider`'),
  text: z.string().max(MAX_TOOL_FILE_CHARS).describe('YAML'),
  as: z
    .enum(['operator', 'tenant'])
    .optional()
    .describe('By the rules of a file in TOOLS_DIR (default), or of POST /tools'),
});
export const ToolFileChecked = z.object({
  problems: z.array(ToolFileProblem).describe('By line; none: it is good'),
  tools: z.array(z.object({ tool: z.string(), definition: z.record(z.string(), z.unknown()) })),
});
export type ToolFileChecked = z.infer<typeof ToolFileChecked>;
