import { code, GENERATED, table } from './markdown.mjs';

const RETRY = {
  never: 'no: the same request will fail again',
  safe: 'at once, with the same idempotency key',
  after: 'after a pause (`Retry-After` where it is known)',
};

/** docs/reference/errors.md from ERROR_CODES. */
export function renderErrors({ ERROR_CODES }) {
  const rows = Object.entries(ERROR_CODES).map(([name, e]) => [code(name), e.http, RETRY[e.retry], e.summary]);
  return `${GENERATED}

# Error codes

A code is stable: HTTP answers carry it in \`code\` beside \`detail\`, refusals on the bus in the header
\`error-code\`, streams in their error event, steps of a run in \`error_code\`.

${table(['code', 'HTTP', 'send again?', 'meaning'], rows)}
`;
}
