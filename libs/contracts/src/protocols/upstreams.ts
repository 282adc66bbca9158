import { z } from 'zod';
import { request } from '../base/define.ts';
import { page } from '../base/fields.ts';
import { Principal } from '../base/principal.ts';

const UpstreamName = z.string().min(1).max(32);
const UpstreamToolName = z.string().min(1).max(128);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 as the list shows it');

/** A definition of an upstream's tool that waits for a person. The tool is not used meanwhile. */
export const QuarantinedTool = z.object({
  upstream: UpstreamName,
  tool: UpstreamToolName.describe('As the upstream calls it'),
  hash: Sha256.describe('Of the definition that waits; a decision names it'),
  reasons: z.array(z.string()).describe('`new`, `changed`, and what the scan of its texts found'),
  diff: z.array(z.string()).describe('Against the approved definition; what nobody sees is written out'),
  seenAt: z.number().int(),
});
export type QuarantinedTool = z.infer<typeof QuarantinedTool>;

export const listQuarantine = request({
  subject: 'rpc.upstreams.quarantine',
  summary: 'List definitions of tools of MCP upstreams that wait for a person. Admins only.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    cursor: z.string().max(400).optional(),
    limit: z.number().int().min(1).max(100).default(50),
  }),
  output: z.object({ tools: z.array(QuarantinedTool), nextCursor: z.string().nullable() }),
  timeoutMs: 5_000,
});

export const decideQuarantine = request({
  subject: 'rpc.upstreams.decide',
  summary:
    'Approve or reject just the definition that was looked at. Admins only; what was decided already is not found.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    upstream: UpstreamName,
    tool: UpstreamToolName,
    hash: Sha256,
    verdict: z.enum(['approve', 'reject']),
  }),
  output: z.object({ upstream: UpstreamName, tool: UpstreamToolName, verdict: z.enum(['approve', 'reject']) }),
  timeoutMs: 15_000,
});

/** The authorisation of an upstream, as discovered from the upstream itself. */
export const UpstreamAuthorisation = z.object({
  by: z.enum(['user', 'service']).describe('user: each user for itself; service: we do, for all'),
  issuer: z.string().nullable().describe('Who issues the tokens; null: not found out yet'),
  resource: z.string().nullable().describe('What the tokens are for'),
  client: z
    .enum(['named', 'document', 'registration', 'none'])
    .nullable()
    .describe('How we are known there: named by the operator, by our metadata document, by registering'),
  scopes: z.array(z.string()),
  missing: z.string().nullable().describe('Why it cannot be used, or what its users are to do'),
});
export type UpstreamAuthorisation = z.infer<typeof UpstreamAuthorisation>;

/** The isolation of an upstream's process from the service that started it. */
export const UpstreamConfinement = z.object({
  level: z
    .enum(['sandbox', 'account', 'limits', 'none'])
    .describe('sandbox: its own view of files and processes; account: another account; limits: as the service'),
  network: z.boolean().describe('It can use the network'),
  missing: z.string().nullable().describe('What was wanted and this machine does not have'),
});
export type UpstreamConfinement = z.infer<typeof UpstreamConfinement>;

/** The status of an MCP upstream. */
export const UpstreamStatus = z.object({
  name: UpstreamName,
  provider: z.string(),
  transport: z.enum(['http', 'stdio']),
  trust: z.enum(['trusted', 'untrusted']),
  available: z.boolean(),
  state: z
    .enum(['starting', 'available', 'unavailable'])
    .default('available')
    .describe('starting: it was not asked yet, or has not answered the first time'),
  reason: z.string().nullable().describe('Why it is not available'),
  said: z
    .array(z.string().max(400))
    .max(8)
    .default([])
    .describe(
      'Where it is not available: the last lines that its process wrote to its standard error, without secrets',
    ),
  tools: z.number().int().describe('Usable tools'),
  quarantined: z.number().int(),
  era: z.enum(['modern', 'legacy']).nullable(),
  refreshedAt: z.number().int().nullable(),
  authorisation: UpstreamAuthorisation.nullable()
    .default(null)
    .describe('null: it needs none, or the operator named it'),
  confinement: UpstreamConfinement.nullable()
    .default(null)
    .describe('Of a process, since it was started; null: not started yet, or no process'),
});
export type UpstreamStatus = z.infer<typeof UpstreamStatus>;

export const listUpstreams = request({
  subject: 'rpc.upstreams.list',
  summary: 'The MCP servers behind mcp-tool and how they are doing. Admins and auditors.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal }),
  output: z.object({ upstreams: z.array(UpstreamStatus) }),
  timeoutMs: 5_000,
});

/** Body of POST /tools/upstreams/look */
export const UpstreamLookBody = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).max(2_048),
});
/** The answers of a prospective MCP upstream to a request without a token. */
export const UpstreamLook = z.object({
  wants: z.enum(['nothing', 'login']),
  authorisation: UpstreamAuthorisation.nullable().describe('null: it wants none'),
});
export type UpstreamLook = z.infer<typeof UpstreamLook>;

export const lookAtUpstream = request({
  subject: 'rpc.upstreams.look',
  summary: 'Whether an MCP server that is no upstream yet wants a login, and who authorises it. Admins only.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: UpstreamLookBody.extend({ principal: Principal }),
  output: UpstreamLook,
  timeoutMs: 30_000,
});

/** GET /tools/quarantine */
export const QuarantineQuery = z.object({
  cursor: z.string().max(400).optional(),
  limit: page(100, 50),
});
export const QuarantineList = z.object({
  tools: z.array(QuarantinedTool.omit({ seenAt: true }).extend({ seen_at: z.number().int() })),
  next_cursor: z.string().nullable(),
});
export type QuarantineList = z.infer<typeof QuarantineList>;

/** Body of POST /tools/quarantine */
export const QuarantineDecision = z.object({
  upstream: UpstreamName,
  tool: UpstreamToolName,
  hash: Sha256.describe('Of the definition that was looked at'),
  verdict: z.enum(['approve', 'reject']),
});
export const QuarantineDecided = QuarantineDecision.omit({ hash: true });
export type QuarantineDecided = z.infer<typeof QuarantineDecided>;

/** GET /tools/upstreams */
export const UpstreamList = z.object({
  upstreams: z.array(UpstreamStatus.omit({ refreshedAt: true }).extend({ refreshed_at: z.number().int().nullable() })),
});
export type UpstreamList = z.infer<typeof UpstreamList>;
