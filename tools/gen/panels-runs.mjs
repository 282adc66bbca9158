// @ts-check

/** @type {import('./dashboards.mjs').Dashboard} */
export const RUNS = {
  uid: 'switchyard-runs',
  title: 'Switchyard: runs and models',
  about: 'How runs go, what they wait for, and what the language model does and costs.',
  rows: [
    {
      title: 'Runs',
      panels: [
        {
          title: 'Ended, by status',
          unit: 'ops',
          queries: [
            ['switchyard:runs_finished:rate5m', '{{status}}'],
            ['sum(rate(runs_created_total[5m]))', 'accepted'],
          ],
        },
        {
          title: 'Failing',
          unit: 'percentunit',
          max: 1,
          queries: [['switchyard:runs_failed:ratio_rate15m', 'failed']],
        },
        {
          title: 'Time from acceptance to end',
          unit: 's',
          queries: [
            ['switchyard:run_duration_seconds:p50_15m', 'half of them'],
            ['switchyard:run_duration_seconds:p95_15m', '95 of 100'],
          ],
        },
      ],
    },
    {
      title: 'Waiting',
      panels: [
        { title: 'Open runs', queries: [['max by (phase) (open_runs)', '{{phase}}']] },
        { title: 'Age of the oldest', unit: 's', queries: [['max by (phase) (oldest_run_seconds)', '{{phase}}']] },
        {
          title: 'From acceptance to work',
          unit: 's',
          queries: [['switchyard:run_queue_wait_seconds:p95_5m', '95 of 100']],
        },
        {
          title: 'Refused, by limit',
          unit: 'ops',
          queries: [['sum by (limit) (rate(admission_refusals_total[5m]))', '{{limit}}']],
        },
      ],
    },
    {
      title: 'Language model',
      panels: [
        {
          title: 'Time of a planning, 95 of 100',
          unit: 's',
          queries: [['switchyard:planning_seconds:p95_15m', '{{model}}']],
        },
        {
          title: 'Plannings without a decision',
          unit: 'ops',
          queries: [['sum by (code) (rate(planning_failures_total[5m]))', '{{code}}']],
        },
        {
          title: 'Tokens a second',
          queries: [['sum by (model, direction) (rate(llm_tokens_total[5m]))', '{{model}} {{direction}}']],
        },
        {
          title: 'Cost an hour',
          unit: 'currencyUSD',
          queries: [['sum by (model) (rate(llm_cost_usd_total[1h])) * 3600', '{{model}}']],
        },
        {
          title: 'Limits reached',
          unit: 'ops',
          queries: [['sum by (scope, kind) (rate(budget_exceeded_total[5m]))', '{{scope}} {{kind}}']],
        },
      ],
    },
    {
      title: 'Owners',
      panels: [
        { title: 'Runs owned', queries: [['runs_owned', '{{instance}}']] },
        {
          title: 'Takeovers and refused writes',
          unit: 'ops',
          queries: [
            ['sum(rate(lease_takeovers_total[5m]))', 'takeovers'],
            ['sum(rate(fenced_writes_total[5m]))', 'refused writes'],
          ],
        },
        { title: 'Committed, not on the bus', queries: [['max(unpublished_runs)', 'runs']] },
        {
          title: 'Dead letters',
          queries: [
            ['max(dead_letters)', 'waiting'],
            ['sum(increase(dead_letters_total[1h]))', 'new, of an hour'],
          ],
        },
      ],
    },
  ],
};
