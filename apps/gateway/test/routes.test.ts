import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod, type Type } from '@nestjs/common';
import { HTTP_ROUTES } from '@switchyard/contracts/http';
import { OperationsController } from '../src/admin/index.ts';
import { CONTROLLERS } from '../src/gateway.module.ts';
import { authOf, DOCS_ASSETS, methodsAt, routerPath } from '../src/http/routes.ts';

function routesOf(controller: Type): string[] {
  const prefix = Reflect.getMetadata(PATH_METADATA, controller) as string;
  const handlers = Object.getOwnPropertyNames(controller.prototype).map(
    (name) => (controller.prototype as Record<string, object>)[name]!,
  );
  return handlers.flatMap((handler) => {
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    const path = [prefix, Reflect.getMetadata(PATH_METADATA, handler) as string]
      .map((part) => part.replace(/^\/|\/$/g, ''))
      .filter((part) => part !== '');
    return [`${RequestMethod[method]} /${path.join('/')}`];
  });
}

describe('the table of routes', () => {
  it('is exactly what the controllers serve', () => {
    const served = [...CONTROLLERS, OperationsController].flatMap(routesOf).sort();
    const table = HTTP_ROUTES.map(({ method, path }) => `${method} ${routerPath(path)}`);
    expect(served).toEqual([...table, `GET ${DOCS_ASSETS}`].sort());
  });

  it('says who needs no identity; whatever is not in it does', () => {
    expect(authOf('GET', '/health')).toBe('none');
    expect(authOf('GET', '/metrics')).toBe('operator');
    expect(authOf('POST', '/orchestrate')).toBe('user');
    expect(authOf('GET', '/runs/:id/events')).toBe('user');
    expect(authOf('GET', '/something/new')).toBe('user');
  });

  it('knows the methods of a path', () => {
    expect(methodsAt('/orchestrate/stream?task=x')).toEqual(['GET', 'POST'].sort());
    expect(methodsAt('/runs/abc/cancel')).toEqual(['POST']);
    expect(methodsAt('/openapiXjson')).toEqual([]);
    expect(methodsAt('/nothing')).toEqual([]);
  });
});
