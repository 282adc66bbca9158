import type { Principal } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OVER } from '../streams/index.ts';
import type { Caller } from './operations.ts';

/** Who calls, and whether it is still there. */
export function callerOf({ headers }: FastifyRequest, reply: FastifyReply, principal: Principal): Caller {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(OVER));
  return { principal, host: headers.host, gone: gone.signal };
}
