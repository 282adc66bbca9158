/* What the function refuses by itself, in the shape and with the codes that the gateway has. */

const REFUSALS = {
  unauthenticated: { status: 401, title: 'Send valid credentials.' },
  forbidden: { status: 403, title: 'Your role does not allow this.' },
  not_found: { status: 404, title: 'Not found: there is no such thing, or it is not yours to see.' },
  payload_too_large: { status: 413, title: 'The request is larger than the limit.' },
  unavailable: { status: 503, title: 'A part of the system does not answer at the moment.' },
  deadline_exceeded: { status: 504, title: 'The deadline passed before the answer came.' },
} as const;

export class Refusal extends Error {
  constructor(
    readonly code: keyof typeof REFUSALS,
    readonly detail: string,
  ) {
    super(detail);
  }

  answer(): Response {
    const { status, title } = REFUSALS[this.code];
    const body = { type: `urn:switchyard:problem:${this.code}`, title, status, detail: this.detail, code: this.code };
    const headers = new Headers({
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
    });
    if (status === 401) headers.set('www-authenticate', 'Bearer');
    if (status === 503) headers.set('retry-after', '1');
    return Response.json(body, { status, headers });
  }
}
