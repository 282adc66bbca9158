import { z } from 'zod';
import { ProviderId } from './provider-auth.ts';
import { Role } from '../base/principal.ts';
import { JsonSchema } from './tools.ts';

/*
 * A tool that is an HTTP call, declared and not programmed: in a file of the operator, or through the API.
 */

/** Any JSON. Its own schema names itself, which the documents made of these contracts cannot hold. */
const JsonValue = z
  .unknown()
  .refine((value) => z.json().safeParse(value).success, 'is not JSON') as z.ZodType<z.core.util.JSONType>;

export const ProviderName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, '1 to 32 small letters, digits, "-" and "_", not beginning with "-" or "_"')
  .describe('Whose tool it is; part of its name, and what tool constraints and authorisations are about');

const Text = z.string().max(2_000);

/** The HTTP call. Texts may hold `{argument}`; headers and query also `{credential.NAME}`. */
export const HttpCall = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  url: z
    .string()
    .max(2_000)
    .regex(
      /^https?:\/\/[^\s/{}?#@\\]+(\/[^\s?#\\]*)?$/,
      'http(s)://host/path, arguments in the path alone, query apart',
    )
    .describe('The host is fixed; the path may hold {argument}, which fills at most one segment'),
  query: z.record(z.string().max(200), Text).optional().describe('By default: every argument that stands nowhere else'),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), Text).optional(),
  body: JsonValue.optional().describe('By default, for POST, PUT and PATCH: every argument that stands nowhere else'),
  result: z
    .union([z.string().max(500), z.record(z.string().max(200), z.string().max(500))])
    .optional()
    .describe('JSON pointer of the part of the answer that is the result, or several by name; default: the whole'),
});
export type HttpCall = z.infer<typeof HttpCall>;

/** The provider whose user token goes with a call. */
export const HttpToolAuth = z.strictObject({ provider: ProviderId });

export const HttpToolDefinition = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, '1 to 64 letters, digits, "-" and "_"'),
  provider: ProviderName,
  title: z.string().max(200).optional(),
  version: z.coerce.string().min(1).max(64).default('1'),
  description: z.string().trim().min(1).max(4_000).describe('What the model reads to decide when to call it'),
  kind: z
    .enum(['read', 'write', 'destructive'])
    .optional()
    .describe('What a call does to the world; default `read` for GET and HEAD, `destructive` for DELETE, else `write`'),
  idempotency: z
    .enum(['safe', 'key', 'none'])
    .optional()
    .describe('What a repeat does; default `safe` for `read`, else `none`. `key`: the server honours Idempotency-Key'),
  required_role: Role.optional(),
  required_scopes: z.array(z.string().max(200)).max(50).default([]),
  requires_approval: z.boolean().default(false),
  timeout_ms: z.number().int().min(100).max(60_000).default(30_000),
  max_output_bytes: z.number().int().min(1_024).max(262_144).default(65_536),
  input: JsonSchema.default({ type: 'object', properties: {} }).describe('JSON Schema of the arguments; an object'),
  output: JsonSchema.optional().describe('JSON Schema of the result; what does not fit is not handed on'),
  auth: HttpToolAuth.optional().describe(
    'The token that the user gave for this provider goes with the call, to the host of `http.url` alone',
  ),
  http: HttpCall,
});
export type HttpToolDefinition = z.infer<typeof HttpToolDefinition>;
