import { code, GENERATED, table } from './markdown.mjs';

const names = (list) => (list?.length ? list.map(code).join(', ') : '');

/** docs/reference/spans.md from SPANS and the names of attributes. */
export function renderSpans({ SPANS, ABOUT, RESOURCE, LINK }) {
  const rows = Object.values(SPANS).map((s) => [s.called, s.kind.toUpperCase(), s.madeBy, s.says]);
  const attributes = Object.values(SPANS).map((s) => [
    s.called,
    names(s.always),
    names(s.whenDone),
    names(s.sometimes),
  ]);
  return `${GENERATED}

# Spans

Every span that the services export. How to use them: [traces.md](../traces.md). A test holds each exported span against
this table: its name, its kind, and that it has these attributes and no others.

${table(['span', 'kind', 'made by', 'what it is the time of'], rows)}

## Attributes

${table(['span', 'always', 'when nothing went wrong', 'where it applies'], attributes)}

On each span that is about a run: ${names(Object.values(ABOUT))}, as far as they are known. Where it failed: \`error.type\`, an
[error code](errors.md) of ours, the status of an HTTP answer, or a code of the connection; the status is then \`ERROR\`.

On each resource: ${names([...Object.values(RESOURCE), 'telemetry.sdk.name', 'telemetry.sdk.language', 'telemetry.sdk.version'])},
and what \`OTEL_RESOURCE_ATTRIBUTES\` says. On links: ${code(LINK)} (\`accepted\`, \`woken\`).
`;
}
