// @ts-check

/** @type {import('./dashboards.mjs').Dashboard} */
export const OVERVIEW = {
  uid: 'switchyard-overview',
  title: 'Switchyard: overview',
  about: 'Is it well? What clients feel, and which part is not ready.',
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'stat',
          title: 'Services not ready',
          queries: [['count(max by (app) (service_ready) == 0) or vector(0)', '']],
        },
        {
          kind: 'stat',
          title: 'Requests a second',
          unit: 'reqps',
          queries: [['switchyard:http_requests:rate5m', '']],
        },
        {
          kind: 'stat',
          title: 'Failing, of an hour',
          unit: 'percentunit',
          queries: [['switchyard:http_errors:ratio_rate1h', '']],
        },
        { kind: 'stat', title: 'Open runs', queries: [['sum(max by (phase) (open_runs))', '']] },
        { kind: 'stat', title: 'Open streams', queries: [['switchyard:sse_connections:sum', '']] },
        { kind: 'stat', title: 'Effects in doubt', queries: [['max(effects_in_doubt)', '']] },
        { kind: 'stat', title: 'Dead letters', queries: [['max(dead_letters)', '']] },
        {
          kind: 'stat',
          title: 'Audit log tampered',
          help: '1: a record is not what happened',
          queries: [['1 - min(readiness_check_ok{app="audit",check="records"})', '']],
        },
      ],
    },
    {
      title: 'Clients',
      panels: [
        {
          title: 'Requests by status',
          unit: 'reqps',
          queries: [
            [
              'sum by (status) (rate(http_request_duration_seconds_count{route!~"/(health|readiness|metrics|metrics-debug)"}[5m]))',
              '{{status}}',
            ],
          ],
        },
        {
          title: 'Time to answer, 95 of 100',
          unit: 's',
          help: 'Without streams and without what waits for a run',
          queries: [['switchyard:http_request_seconds:p95_5m', '{{route}}']],
        },
        {
          title: 'Time from an event to the client',
          unit: 's',
          queries: [['switchyard:stream_lag_seconds:p99_5m', '99 of 100']],
        },
      ],
    },
    {
      title: 'Services',
      panels: [
        { title: 'Ready', max: 1, queries: [['min by (app) (service_ready)', '{{app}}']] },
        {
          title: 'Checks that fail',
          queries: [['count by (app, check) (readiness_check_ok == 0)', '{{app}}: {{check}}']],
        },
        {
          title: 'Event loop stands still',
          unit: 's',
          queries: [['max by (app) (nodejs_eventloop_lag_p99_seconds)', '{{app}}']],
        },
        { title: 'Memory', unit: 'bytes', queries: [['sum by (app) (process_resident_memory_bytes)', '{{app}}']] },
        {
          title: 'CPU',
          unit: 'percentunit',
          queries: [['sum by (app) (rate(process_cpu_seconds_total[5m]))', '{{app}}']],
        },
      ],
    },
  ],
};
