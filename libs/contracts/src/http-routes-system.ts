import { z } from 'zod';
import { AuditPage, AuditQuery } from './http-records.ts';
import { ConfigAnswer, Health, MetricsDebug, Readiness } from './http-system.ts';
import type { HttpRoute } from './http-route.ts';

/* Routes about the gateway itself, and the audit log. */

export const SYSTEM_ROUTES: readonly HttpRoute[] = [
  {
    method: 'GET',
    path: '/config',
    summary: 'Defaults of this deployment; never a secret.',
    auth: 'user',
    answers: { 200: { summary: 'Defaults.', schema: ConfigAnswer } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/audit',
    summary: 'Search the audit log, newest first. Users see their own runs; admin and auditor all of the tenant.',
    auth: 'user',
    query: AuditQuery,
    answers: { 200: { summary: 'One page.', schema: AuditPage } },
    errors: ['invalid_input', 'forbidden', 'rate_limited', 'unavailable'],
  },
  {
    method: 'GET',
    path: '/health',
    summary: 'The process answers.',
    auth: 'none',
    answers: { 200: { summary: 'Alive.', schema: Health } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/readiness',
    summary: 'Whether requests can be served, with each dependency and what is wrong with it.',
    auth: 'none',
    answers: { 200: { summary: 'Ready.', schema: Readiness }, 503: { summary: 'Not ready.', schema: Readiness } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus; for admins, auditors and the bearer of OPS_TOKEN.',
    auth: 'operator',
    answers: { 200: { summary: 'Text exposition format.', type: 'text/plain' } },
    errors: ['forbidden'],
  },
  {
    method: 'GET',
    path: '/metrics-debug',
    summary: 'Request counts, errors and latencies as small JSON; for whom /metrics is.',
    auth: 'operator',
    answers: { 200: { summary: 'Counts since the start.', schema: MetricsDebug } },
    errors: ['forbidden'],
  },
  {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This interface as an OpenAPI 3.1 document.',
    auth: 'none',
    answers: { 200: { summary: 'OpenAPI 3.1.', schema: z.looseObject({}) } },
    errors: [],
  },
  {
    method: 'GET',
    path: '/docs',
    summary: 'This interface as a page for people.',
    auth: 'none',
    answers: { 200: { summary: 'HTML.', type: 'text/html' } },
    errors: [],
  },
];
