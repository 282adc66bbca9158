import type { Schema } from '@switchyard/testing/property';

/* The routes as the OpenAPI document names them, so that a new route is attacked without a change here. */

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}

export interface Operation {
  readonly method: string;
  /** With `{name}` where parameters are. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  readonly statuses: readonly number[];
  /** True if a caller needs an identity. */
  readonly guarded: boolean;
}

export interface Interface {
  readonly operations: readonly Operation[];
  /** Finds what a `$ref` of the document names. */
  resolve(ref: string): Schema | undefined;
  /** Statuses of 5xx that the document names for a request. */
  documented5xx(method: string, path: string): readonly number[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}
interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security?: readonly object[];
}

const METHODS: ReadonlySet<string> = new Set(['get', 'post', 'put', 'patch', 'delete']);

export async function readInterface(gateway: string): Promise<Interface> {
  const answer = await fetch(`${gateway}/openapi.json`);
  return interfaceOf((await answer.json()) as Document);
}

function interfaceOf(document: Document): Interface {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => METHODS.has(method))
      .map(([method, described]): Operation => ({
        method: method.toUpperCase(),
        path,
        parameters: described.parameters ?? [],
        body: described.requestBody?.content?.['application/json']?.schema,
        statuses: Object.keys(described.responses).map(Number),
        guarded: (described.security?.length ?? 0) > 0,
      })),
  );
  const patterns = operations.map((operation) => ({
    operation,
    // A literal path goes before a path with parameters.
    rank: operation.path.split('{').length,
    pattern: new RegExp(`^${operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  patterns.sort((a, b) => a.rank - b.rank);
  return {
    operations,
    resolve: (ref) => {
      const names = ref.replace(/^#\//, '').split('/');
      return names.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document) as
        Schema | undefined;
    },
    documented5xx: (method, path) => {
      const [plain = ''] = path.split('?', 1);
      const found = patterns.find(({ operation, pattern }) => operation.method === method && pattern.test(plain));
      return (found?.operation.statuses ?? []).filter((status) => status > 500);
    },
  };
}
