// @ts-check

/** @type {import('./dashboards.mjs').Dashboard} */
export const TOOLS = {
  uid: 'switchyard-tools',
  title: 'Switchyard: tools and agents',
  about: 'Which tools succeed, how long they take, and what is in doubt.',
  rows: [
    {
      title: 'Tools',
      panels: [
        {
          title: 'Success, by tool',
          unit: 'percentunit',
          max: 1,
          help: 'What callers did wrong or stopped does not count',
          queries: [['switchyard:tool_calls:success_ratio_rate15m', '{{tool}}']],
        },
        {
          title: 'Calls a second',
          unit: 'ops',
          queries: [['sum by (tool) (rate(tool_calls_total[5m]))', '{{tool}}']],
        },
        { title: 'Time of a call, 95 of 100', unit: 's', queries: [['switchyard:tool_seconds:p95_15m', '{{tool}}']] },
        {
          title: 'What did not succeed',
          unit: 'ops',
          queries: [
            ['sum by (tool, outcome) (rate(tool_calls_total{outcome!="succeeded"}[5m]))', '{{tool}}: {{outcome}}'],
          ],
        },
      ],
    },
    {
      title: 'Effects',
      panels: [
        { title: 'In doubt', queries: [['max(effects_in_doubt)', 'unsettled']] },
        {
          title: 'By what came of them',
          unit: 'ops',
          queries: [['sum by (outcome) (rate(tool_effects_total[5m]))', '{{outcome}}']],
        },
        {
          title: 'Under way',
          queries: [
            ['sum(tool_effects_running)', 'performed'],
            ['sum(tool_effects_awaited)', 'awaited by duplicates'],
            ['sum(tool_calls_overdue)', 'given up and still running'],
            ['sum(tool_calls_asking)', 'waiting for an answer of their caller'],
          ],
        },
      ],
    },
    {
      title: 'Upstreams and agents',
      panels: [
        { title: 'MCP upstreams away', queries: [['max(upstreams_unavailable)', 'away']] },
        {
          title: 'Requests to upstreams',
          unit: 'ops',
          queries: [['sum by (upstream, outcome) (rate(upstream_requests_total[5m]))', '{{upstream}}: {{outcome}}']],
        },
        {
          title: 'Delegations that succeed',
          unit: 'percentunit',
          max: 1,
          queries: [['switchyard:delegations:success_ratio_rate30m', '{{agent}}']],
        },
        {
          title: 'Time of a delegation, 95 of 100',
          unit: 's',
          queries: [
            ['histogram_quantile(0.95, sum by (le, agent) (rate(a2a_delegation_seconds_bucket[30m])))', '{{agent}}'],
          ],
        },
        { title: 'Files with tools that are bad', queries: [['max(tool_files_bad)', 'files']] },
      ],
    },
  ],
};
