// @ts-check
import { BUS } from './panels-bus.mjs';
import { OVERVIEW } from './panels-overview.mjs';
import { RUNS } from './panels-runs.mjs';
import { TOOLS } from './panels-tools.mjs';

/*
 * Grafana's dashboards as files: infra/monitoring/dashboards/*.json, from the short lists of panels in panels-*.mjs.
 * The data source is a variable, so that they work in any Grafana with any Prometheus.
 */

/** @typedef {{title: string, queries: readonly (readonly [string, string])[], unit?: string, kind?: 'timeseries' | 'stat', help?: string, max?: number}} Panel */
/** @typedef {{uid: string, title: string, about: string, rows: readonly {title: string, panels: readonly Panel[]}[]}} Dashboard */

const SCHEMA_VERSION = 39;
const COLUMNS = 24;
const SOURCE = { type: 'prometheus', uid: '${datasource}' };
const HEIGHT = { timeseries: 8, stat: 4 };

/** Every dashboard: path -> what its file holds. */
export function renderDashboards() {
  return [OVERVIEW, RUNS, TOOLS, BUS].map(
    (dashboard) => /** @type {const} */ ([`infra/monitoring/dashboards/${dashboard.uid}.json`, grafana(dashboard)]),
  );
}

/** @param {Dashboard} dashboard */
function grafana({ uid, title, about, rows }) {
  return {
    uid,
    title,
    description: about,
    tags: ['switchyard'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    templating: { list: [datasource()] },
    annotations: { list: [] },
    links: [{ type: 'dashboards', title: 'Switchyard', tags: ['switchyard'], asDropdown: true }],
    panels: placed(rows),
  };
}

function datasource() {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0 };
}

/** @param {Dashboard['rows']} rows */
function placed(rows) {
  const panels = [];
  let y = 0;
  for (const { title, panels: inRow } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y += 1;
    const w = Math.floor(COLUMNS / inRow.length);
    const heights = inRow.map(({ kind = 'timeseries' }) => HEIGHT[kind]);
    for (const [at, each] of inRow.entries())
      panels.push(panel(each, panels.length + 1, { x: at * w, y, w, h: Math.max(...heights) }));
    y += Math.max(...heights);
  }
  return panels;
}

/**
 * @param {Panel} panel
 * @param {number} id
 * @param {{x: number, y: number, w: number, h: number}} gridPos
 */
function panel({ title, queries, unit = 'short', kind = 'timeseries', help, max }, id, gridPos) {
  return {
    id,
    type: kind,
    title,
    ...(help === undefined ? {} : { description: help }),
    datasource: SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, ...(max === undefined ? {} : { max }) }, overrides: [] },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value' }
        : { legend: { displayMode: 'list', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi' } },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat,
    })),
  };
}
