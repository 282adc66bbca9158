import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
const START = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#ui', deepLinking: true });\n`;
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Switchyard</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body><div id="ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";

/** The interface documentation as a page, served from files on disk only. */
@Controller('docs')
export class DocsController {
  readonly #directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

  @Get()
  page(@Res() reply: FastifyReply): void {
    void reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(PAGE);
  }

  @Get(':file')
  async file(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { file } = request.params as { file: string };
    reply.header('cache-control', 'public, max-age=3600');
    if (file === 'start.js') return void reply.type('text/javascript; charset=utf-8').send(START);
    const type = Object.hasOwn(FILES, file) ? FILES[file] : undefined;
    if (type === undefined) throw new AppError('not_found', 'There is nothing under this path.');
    void reply.type(type).send(await readFile(join(this.#directory, file)));
  }
}
