// @ts-check

/** @type {import('./dashboards.mjs').Dashboard} */
export const BUS = {
  uid: 'switchyard-bus',
  title: 'Switchyard: bus, audit log and XMPP',
  about: 'What carries the messages, what remembers them, and the way to peers.',
  rows: [
    {
      title: 'Streams to clients',
      panels: [
        { title: 'Open', queries: [['sum by (instance) (sse_connections)', '{{instance}}']] },
        { title: 'How they end', unit: 'ops', queries: [['sum by (end) (rate(sse_streams_total[5m]))', '{{end}}']] },
        { title: 'MCP sessions', queries: [['sum(mcp_sessions)', 'sessions']] },
      ],
    },
    {
      title: 'Bus',
      panels: [
        {
          title: 'Requests a second',
          unit: 'ops',
          queries: [['sum by (subject) (rate(bus_requests_total{side="asked"}[5m]))', '{{subject}}']],
        },
        {
          title: 'Requests that found nobody, or a fault',
          unit: 'ops',
          queries: [['switchyard:bus_requests_failed:rate5m', '{{subject}}: {{outcome}}']],
        },
        {
          title: 'Time of a request, 95 of 100',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.95, sum by (le, subject) (rate(bus_request_duration_seconds_bucket{side="asked"}[5m])))',
              '{{subject}}',
            ],
          ],
        },
        {
          title: 'Dropped or malformed',
          queries: [
            ['sum by (subject) (increase(bus_dropped_requests_total[1h]))', 'dropped: {{subject}}'],
            ['sum by (stream) (increase(bus_malformed_messages_total[1h]))', 'malformed: {{stream}}'],
          ],
        },
      ],
    },
    {
      title: 'Audit log',
      panels: [
        { title: 'Records a second', unit: 'ops', queries: [['sum(rate(audit_records_total[5m]))', 'records']] },
        { title: 'Behind', unit: 's', queries: [['switchyard:audit_delay_seconds:p95_10m', '95 of 100']] },
        {
          title: 'Holes and conflicts',
          queries: [
            ['sum(increase(audit_holes_total[1h]))', 'holes, filled from the journal'],
            ['sum(increase(audit_conflicts_total[1h]))', 'records that are not what happened'],
          ],
        },
      ],
    },
    {
      title: 'XMPP',
      panels: [
        {
          title: 'Login',
          max: 1,
          queries: [
            ['xmpp_online', '{{instance}} online'],
            ['xmpp_serving', '{{instance}} serving'],
          ],
        },
        {
          title: 'Failed logins of an hour',
          queries: [['sum by (code) (increase(xmpp_login_failures_total[1h]))', '{{code}}']],
        },
        {
          title: 'Requests over XMPP',
          unit: 'ops',
          queries: [['sum by (direction, outcome) (rate(xmpp_http_requests_total[5m]))', '{{direction}} {{outcome}}']],
        },
        {
          title: 'Time of a request, 95 of 100',
          unit: 's',
          queries: [
            ['histogram_quantile(0.95, sum by (le, direction) (rate(xmpp_http_seconds_bucket[5m])))', '{{direction}}'],
          ],
        },
      ],
    },
  ],
};
