import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { logEvent } from '../log-events.ts';
import { deniedSource, type Denials } from '../reports/index.ts';
import { PROBLEM_TYPE, refusalOf, toProblem } from './problem.ts';
import { methodsAt } from './routes.ts';

/** Turns every error of a request into one problem body; causes and stacks only go to the log. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Logger;
  readonly #denials: Denials;

  constructor(log: Logger, denials: Denials) {
    this.#log = log;
    this.#denials = denials;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const answer = toProblem(error instanceof HttpException ? framework(error, request, reply) : error);
    if (answer.status >= 500) {
      const { code } = answer.body;
      const event = code === 'internal' ? 'http_request_crashed' : 'http_request_failed';
      logEvent(this.#log, event, { err: error, path: request.routeOptions.url, code });
    }
    if (answer.body.code === 'forbidden') {
      const principal = request.identity?.principal;
      const who = { tenant_id: principal?.tenantId ?? null, user_id: principal?.userId ?? null };
      const path = request.routeOptions.url ?? '';
      const from = principal === undefined ? { source_ip: request.ip } : {};
      const data = { ...who, ...from, path, reason: answer.body.detail };
      this.#denials.add({ type: 'gateway.access.denied', data }, deniedSource(request));
    }
    // After the first byte of a stream no answer is possible any more.
    if (reply.sent) return;
    for (const [name, value] of Object.entries(answer.headers)) if (!reply.hasHeader(name)) reply.header(name, value);
    void reply.code(answer.status).type(PROBLEM_TYPE).send(answer.body);
  }
}

/** Errors of the framework itself: unknown path, wrong method, unusable body. */
function framework(error: HttpException, request: FastifyRequest, reply: FastifyReply): AppError {
  const status = error.getStatus();
  const known = status === 404 ? methodsAt(request.url) : [];
  // A method that the path has and that is not served: the route is at the port for operations alone.
  const methods = known.includes(request.method) ? [] : known;
  if (methods.length > 0) reply.header('allow', methods.join(', '));
  if (methods.length > 0 || (status === 404 && request.method === 'TRACE')) return new AppError('method_not_allowed');
  return refusalOf(status);
}
