import { Controller, Delete, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { type Bus, type OfferedAgent, offeredAgents } from '@switchyard/bus';
import {
  AppError,
  callTool,
  checkToolFile,
  explainTools,
  listRegisteredTools,
  listTools,
  parseOrThrow,
  type Principal,
  registerTool,
  removeTool,
  type RequestOf,
  ToolConstraints,
  type ToolInfo,
} from '@switchyard/contracts';
import {
  buildOpenApi,
  MAX_OPENAPI_TOOLS,
  type OpenApiDocument,
  type RegisteredTools,
  ToolCallBody,
  ToolFileBody,
  type ToolFileChecked,
  type ToolList,
  ToolListQuery,
  ToolOpenApiQuery,
  ToolParams,
  type ToolRegistered,
  ToolRegisterQuery,
  type ToolResource,
  type ToolRules,
  ToolRulesQuery,
  withTools,
} from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { agentVerdicts, isAgentName } from './agent-rules.ts';
import { AuthGuard } from '../identity/index.ts';
import { BUS } from '../tokens.ts';

/** Tools for people and programs: list, show, call, explain, register. mcp-tool decides who may do what. */
@Controller()
export class ToolsController {
  #document: OpenApiDocument | undefined;

  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#bus = bus;
  }

  @Get('tools')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(ToolListQuery, request.query, 'The query');
    const { cursor, limit } = query;
    const asked = { principal: this.#guard.principalOf(request), constraints: constraintsOf(query), limit };
    const page = await this.#bus.request(listTools, { ...asked, ...(cursor === undefined ? {} : { cursor }) });
    const answer: ToolList = { tools: page.tools.map(toResource), next_cursor: page.nextCursor ?? null };
    void reply.code(200).send(answer);
  }

  @Get('tools/openapi.json')
  async openApi(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(ToolOpenApiQuery, request.query, 'The query');
    const asked = { principal: this.#guard.principalOf(request), constraints: constraintsOf(query) };
    const tools: ToolInfo[] = [];
    // One more than is shown, to know whether some are missing.
    for (let cursor: string | undefined, more = true; more && tools.length <= MAX_OPENAPI_TOOLS;) {
      const page = await this.#bus.request(listTools, { ...asked, ...(cursor === undefined ? {} : { cursor }) });
      tools.push(...page.tools);
      cursor = page.nextCursor;
      more = cursor !== undefined;
    }
    this.#document ??= buildOpenApi();
    void reply.code(200).header('cache-control', 'private, no-cache').send(withTools(this.#document, tools));
  }

  @Get('tools/:name')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { name } = parseOrThrow(ToolParams, request.params, 'The path');
    const constraints = { mode: 'custom' as const, tools: [name] };
    const { tools } = await this.#bus.request(listTools, { principal: this.#guard.principalOf(request), constraints });
    const [info] = tools;
    if (!info) throw new AppError('tool_not_found', 'There is no such tool for you.');
    void reply.code(200).send(toResource(info));
  }

  @Post('tools/:name/call')
  @HttpCode(200)
  async call(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { name } = parseOrThrow(ToolParams, request.params, 'The path');
    const { arguments: given } = parseOrThrow(ToolCallBody, request.body ?? {}, 'The body');
    const key = request.headers['idempotency-key'];
    if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]{1,160}$/.test(key)))
      throw new AppError('invalid_input', 'Idempotency-Key may have 1 to 160 printable characters.');
    const call = { principal: this.#guard.principalOf(request), tool: name, arguments: given };
    const result = await this.#bus.request(callTool, {
      ...call,
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
    const { mcp: _forMcpClients, ...answer } = { mcp: undefined, ...result };
    void reply.code(200).send(answer);
  }

  @Get('tool-rules')
  async explain(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(ToolRulesQuery, request.query, 'The query');
    const { user, role, tool, cursor, limit } = query;
    const principal = this.#guard.principalOf(request);
    const constraints = ToolConstraints.parse(constraintsOf(query));
    const ofAgent = isAgentName(tool);
    // The tool service decides about agents, too, who is told.
    const page = await this.#bus.request(explainTools, {
      principal,
      constraints,
      limit,
      ...(user === undefined ? {} : { as: { userId: user, role } }),
      ...(tool === undefined || ofAgent ? {} : { tool }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const verdicts = ofAgent ? [] : page.verdicts;
    const nextCursor = ofAgent ? null : page.nextCursor;
    if (nextCursor === null && (tool === undefined || ofAgent)) {
      const agents = await this.#agents(principal);
      verdicts.push(...agentVerdicts(agents, principal, constraints, tool));
    }
    if (ofAgent && verdicts.length === 0) throw new AppError('agent_not_found', 'There is no such agent.');
    const answer: ToolRules = { verdicts, next_cursor: nextCursor };
    void reply.code(200).send(answer);
  }

  /** Of a kind whose app is not there nothing can be delegated. */
  #agents(principal: Principal): Promise<OfferedAgent[]> {
    return offeredAgents(this.#bus, principal, (_target, error) => {
      if (!(error instanceof AppError && error.code === 'no_responders')) throw error;
    });
  }

  @Post('tools')
  async register(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { dry_run } = parseOrThrow(ToolRegisterQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const definition = request.body;
    if (typeof definition !== 'object' || definition === null || Array.isArray(definition))
      throw new AppError('invalid_input', 'The body is the definition of a tool, as a JSON object.');
    const dryRun = dry_run === 'true';
    const asked = { principal, definition: definition as Record<string, unknown>, dryRun };
    const { info, replaced } = await this.#bus.request(registerTool, asked);
    const answer: ToolRegistered = { tool: toResource(info), replaced };
    void reply.code(dryRun || replaced ? 200 : 201).send(answer);
  }

  @Post('tools/check')
  @HttpCode(200)
  async check(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { file, text, as } = parseOrThrow(ToolFileBody, request.body, 'The body');
    const principal = this.#guard.principalOf(request);
    const asked = { principal, text, ...(file === undefined ? {} : { file }), ...(as === undefined ? {} : { as }) };
    const answer: ToolFileChecked = await this.#bus.request(checkToolFile, asked);
    void reply.code(200).send(answer);
  }

  @Get('tool-definitions')
  async registered(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const principal = this.#guard.principalOf(request);
    const answer: RegisteredTools = await this.#bus.request(listRegisteredTools, { principal });
    void reply.code(200).send(answer);
  }

  @Delete('tools/:name')
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { name: tool } = parseOrThrow(ToolParams, request.params, 'The path');
    const { removed } = await this.#bus.request(removeTool, { principal: this.#guard.principalOf(request), tool });
    if (!removed) throw new AppError('tool_not_found', 'No tool of this name was registered through the API.');
    void reply.code(204).send();
  }
}

type Given = { readonly [list in 'providers' | 'tools' | 'agents']?: readonly string[] | undefined };

function constraintsOf({ providers, tools, agents }: Given): NonNullable<RequestOf<typeof listTools>['constraints']> {
  if (providers === undefined && tools === undefined && agents === undefined) return { mode: 'auto' };
  return {
    mode: 'custom',
    providers: [...(providers ?? [])],
    tools: [...(tools ?? [])],
    ...(agents === undefined ? {} : { agents: [...agents] }),
  };
}

function toResource(info: ToolInfo): ToolResource {
  const { name, title, version, source, description, provider, kind, idempotency } = info;
  return {
    name,
    title,
    version,
    source,
    description,
    provider,
    kind,
    idempotency,
    required_role: info.requiredRole,
    requires_approval: info.requiresApproval ?? false,
    input_schema: info.inputSchema,
    output_schema: info.outputSchema,
  };
}
