import { AuditPage, AuditQuery } from '../records.ts';
import { ConfigAnswer, Health, MetricsDebug, OpenApi, Readiness } from '../system.ts';
import type { HttpRoute } from './route.ts';

/* Routes about the gateway itself, and the audit log. */

export const SYSTEM_ROUTES: readonly HttpRoute[] = [
  {
    id: 'getConfig',
    tag: 'System',
    method: 'GET',
    path: '/config',
    summary:
      'Defaults of this deployment; never a secret. At the port for operations, and here where OPS_ON_GATEWAY_PORT is set.',
    auth: 'user',
    answers: { 200: { summary: 'Defaults.', schema: ConfigAnswer } },
    errors: [],
  },
  {
    id: 'queryAudit',
    tag: 'Audit',
    method: 'GET',
    path: '/audit',
    summary: 'Search the audit log, newest first. Users see their own runs; admin and auditor all of the tenant.',
    auth: 'user',
    query: AuditQuery,
    answers: { 200: { summary: 'One page.', schema: AuditPage } },
    errors: ['invalid_input', 'invalid_id', 'invalid_cursor', 'forbidden', 'unavailable'],
  },
  {
    id: 'getHealth',
    tag: 'System',
    method: 'GET',
    path: '/health',
    summary: 'The process answers.',
    auth: 'none',
    answers: { 200: { summary: 'Alive.', schema: Health } },
    errors: [],
  },
  {
    id: 'getReadiness',
    tag: 'System',
    method: 'GET',
    path: '/readiness',
    summary: 'Whether requests can be served, with each dependency and what is wrong with it.',
    auth: 'none',
    answers: { 200: { summary: 'Ready.', schema: Readiness }, 503: { summary: 'Not ready.', schema: Readiness } },
    errors: [],
  },
  {
    id: 'getMetrics',
    tag: 'System',
    method: 'GET',
    path: '/metrics',
    summary:
      'Metrics for Prometheus; for admins, auditors and the bearer of OPS_TOKEN. At the port for operations, and here where OPS_ON_GATEWAY_PORT is set.',
    auth: 'operator',
    answers: { 200: { summary: 'Text exposition format.', type: 'text/plain' } },
    errors: ['forbidden'],
  },
  {
    id: 'getMetricsDebug',
    tag: 'System',
    method: 'GET',
    path: '/metrics-debug',
    summary: 'Request counts, errors and latencies as small JSON; where and for whom /metrics is.',
    auth: 'operator',
    answers: { 200: { summary: 'Counts since the start.', schema: MetricsDebug } },
    errors: ['forbidden'],
  },
  {
    id: 'getOpenApi',
    tag: 'System',
    method: 'GET',
    path: '/openapi.json',
    summary: 'This interface as an OpenAPI 3.1 document.',
    auth: 'none',
    answers: { 200: { summary: 'OpenAPI 3.1.', schema: OpenApi } },
    errors: [],
  },
  {
    id: 'getDocs',
    tag: 'System',
    method: 'GET',
    path: '/docs',
    summary: 'This interface as a page for people.',
    auth: 'none',
    answers: { 200: { summary: 'HTML.', type: 'text/html' } },
    errors: [],
  },
];
