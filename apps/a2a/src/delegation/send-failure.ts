import { RedirectRefused } from '@switchyard/safe-fetch';
import { isAbortLike } from './abort.ts';
import { plainText } from '../agents/index.ts';

/** An answer of the agent's HTTP server that is no A2A answer. Thrown by the fetch that the A2A client is given. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly retryAfterMs: number | undefined,
  ) {
    super(`HTTP ${status}`);
    this.name = 'HttpRefusal';
  }
}

/**
 * What a failed call means for the message that it carried.
 *   not_sent  nothing reached the agent, or it said that it took nothing: the message may be sent again
 *   refused   the agent answered and said no: sending again brings the same
 *   unknown   it may have been accepted: it must not be sent again
 */
export interface SendFailure {
  kind: 'not_sent' | 'refused' | 'unknown';
  code: string;
  message: string;
  retryAfterMs?: number;
}

const NEVER_CONNECTED = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT',
]); // prettier-ignore

const unreachable = (kind: SendFailure['kind'], message: string): SendFailure => ({
  kind,
  code: 'agent_unreachable',
  message,
});

/** Errors of the guard, the bus and the XMPP bridge that occur before the agent has seen the request. */
const WAY_THERE: Readonly<Record<string, SendFailure | undefined>> = {
  egress_blocked: { kind: 'refused', code: 'egress_blocked', message: 'The address of the agent is not allowed.' },
  unavailable: unreachable('not_sent', 'The agent is reached over XMPP, and there is no AZTM login at the moment.'),
  agent_unreachable: unreachable('not_sent', 'The agent is reached over XMPP, and its account is offline.'),
  overloaded: unreachable('not_sent', 'Too many requests are under way to reach the agent.'),
  not_mapped: unreachable('refused', 'The agent is reached over XMPP, and SERVICE_MAP does not name its account.'),
  forbidden: unreachable('refused', 'The agent does not let this account call it over XMPP.'),
  not_supported: unreachable('refused', 'The agent takes no HTTP requests over XMPP.'),
  payload_too_large: { kind: 'refused', code: 'payload_too_large', message: 'The task is too large to be sent.' },
};

/** Reads an error of a call to the agent. Pure; the texts carry nothing of the error but codes. */
export function sendFailure(error: unknown): SendFailure {
  const chain = causesOf(error);
  const refusal = chain.find((each) => each instanceof HttpRefusal);
  if (refusal) return ofStatus(refusal.status, refusal.retryAfterMs);
  const codes = chain.map(codeOf).filter((code) => code !== undefined);
  if (chain.some((each) => each instanceof RedirectRefused)) {
    return { kind: 'unknown', code: 'agent_failed', message: 'The agent answered with a redirect.' };
  }
  const ofTheWay = codes.map((code) => WAY_THERE[code]).find((each) => each !== undefined);
  if (ofTheWay) return ofTheWay;
  if (codes.includes('response_too_large')) {
    return {
      kind: 'unknown',
      code: 'response_too_large',
      message: 'The answer of the agent is larger than the limit.',
    };
  }
  if (codes.some((code) => NEVER_CONNECTED.has(code))) {
    return { kind: 'not_sent', code: 'agent_unreachable', message: 'The agent could not be reached.' };
  }
  const refused = chain.map(a2aRefusal).find((each) => each !== undefined);
  if (refused) return { kind: 'refused', code: 'agent_failed', message: refused };
  if (codes.includes('upstream_timeout') || chain.some(isAbortLike)) {
    return { kind: 'unknown', code: 'deadline_exceeded', message: 'The agent did not answer in time.' };
  }
  if (chain.some((each) => each instanceof Error && each.constructor.name === 'JsonRpcTransportError')) {
    return { kind: 'unknown', code: 'agent_failed', message: 'The agent answered with an internal error.' };
  }
  return {
    kind: 'unknown',
    code: 'agent_unreachable',
    message: 'The connection to the agent broke before it answered.',
  };
}

function ofStatus(status: number, retryAfterMs: number | undefined): SendFailure {
  if (status === 429 || status === 503) {
    return {
      kind: 'not_sent',
      code: 'agent_unreachable',
      message: `The agent is busy (HTTP ${status}).`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
  if (status === 401 || status === 403) {
    return { kind: 'refused', code: 'agent_auth_required', message: `The agent wants credentials (HTTP ${status}).` };
  }
  // A gateway in front of the agent may have passed the message on before it gave up.
  if (status >= 500)
    return { kind: 'unknown', code: 'agent_unreachable', message: `The agent answered HTTP ${status}.` };
  return { kind: 'refused', code: 'agent_failed', message: `The agent refused the request (HTTP ${status}).` };
}

const PROTOCOL_REFUSAL =
  /(?:TaskNotFound|TaskNotCancelable|PushNotificationNotSupported|UnsupportedOperation|ContentTypeNotSupported|ExtendedAgentCardNotConfigured|ExtensionSupportRequired|VersionNotSupported|RequestMalformed)Error$/;

/**
 * Errors that the A2A protocol defines say that the request was not taken; the text is the agent's own.
 * By name: the SDK carries its error classes once per entry point, so `instanceof` would miss some.
 */
function a2aRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error) || !PROTOCOL_REFUSAL.test(error.constructor.name)) return undefined;
  return `The agent refused the task: ${plainText(error.message, 500)}`;
}

/** True if the agent says that it does not know the task. */
export function isTaskNotFound(error: unknown): boolean {
  return causesOf(error).some((each) => each instanceof Error && /TaskNotFoundError$/.test(each.constructor.name));
}

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let each = error; each !== undefined && each !== null && chain.length < 8;) {
    chain.push(each);
    if (each instanceof AggregateError) chain.push(...each.errors.slice(0, 8));
    each = (each as { cause?: unknown }).cause;
  }
  return chain;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}
