import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { SystemEventPublisher } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import type { ToolPin, ToolPinChange, ToolPins } from '@switchyard/store';
import { logEvent } from '../../log-events.ts';
import type { Trust } from '../../tool/index.ts';
import type { UpstreamConfig } from '../connections/config.ts';
import { definitionDiff, hashOf, judge } from './pins.ts';
import { policyOf } from '../connections/index.ts';
import type { Definition } from './scan.ts';

/*
 * Decides which of an upstream's tools may be used.
 *
 * - Only a pinned definition is published (pins.ts). Without the database no tool becomes usable.
 * - The schemas of an upstream are compiled one at a time, however many there are. Calls under way continue in between.
 * - The log and the audit log record each quarantined definition once.
 */

export interface DefinitionsParts {
  readonly pins: Pick<ToolPins, 'of' | 'note'>;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  /** Why a definition cannot be used at all. */
  readonly objections?: (definition: Definition, trust: Trust) => readonly string[];
}

export interface Judged {
  readonly active: readonly McpTool[];
  readonly quarantined: number;
}

/** Most tools of one upstream. */
const MAX_TOOLS = 1_000;
const MAX_DIFF_TOLD = 20;
const NAME = /^[A-Za-z0-9_./-]{1,128}$/;

export class Definitions {
  readonly #parts: DefinitionsParts;

  constructor(parts: DefinitionsParts) {
    this.#parts = parts;
  }

  /** The tools that were approved before, until the upstream has listed its current ones. */
  async recalled(config: UpstreamConfig): Promise<Judged> {
    const pins = await this.#parts.pins.of(config.name);
    const known = pins.flatMap(({ approved, pending }) =>
      approved === null || pending !== null ? [] : [JSON.parse(approved) as McpTool],
    );
    const objections = await this.#objectionsTo(config, known);
    return {
      active: known.filter((tool) => objections.get(tool)!.length === 0),
      quarantined: pins.filter(({ pending }) => pending !== null).length,
    };
  }

  /** `before`: the tools that the upstream last listed; `others`: names of tools of other providers. */
  async judged(
    config: UpstreamConfig,
    tools: readonly McpTool[],
    { before, others }: { before: readonly McpTool[] | undefined; others: () => readonly string[] },
  ): Promise<Judged> {
    const { pins, log } = this.#parts;
    const usable = tools.filter((tool) => NAME.test(tool.name) && !policyOf(config, tool).hidden).slice(0, MAX_TOOLS);
    if (tools.length > usable.length && before?.length !== tools.length)
      logEvent(log, 'upstream_tools_left_out', { upstream: config.name, left: tools.length - usable.length });
    const known = await pins.of(config.name);
    const objections = await this.#objectionsTo(config, usable);
    const { active, changes } = judge(usable, known, {
      approve: config.approve,
      others: others(),
      objections: (definition) => objections.get(definition)!,
    });
    const changed = new Set(await pins.note(config.name, changes));
    for (const change of changes) if (changed.has(change.tool)) this.#tell(config.name, change, known);
    return { active: active as readonly McpTool[], quarantined: usable.length - active.length };
  }

  /** Reports a newly quarantined definition to the log and the audit log. */
  #tell(upstream: string, change: ToolPinChange, known: readonly ToolPin[]): void {
    if (change.become !== 'quarantined') return;
    const { tool, definition, reasons } = change;
    const approved = known.find((pin) => pin.tool === tool)?.approved ?? null;
    const diff = definitionDiff(approved, definition)
      .slice(0, MAX_DIFF_TOLD)
      .map((line) => line.slice(0, 500));
    logEvent(this.#parts.log, 'upstream_tool_quarantined', { upstream, tool, reasons });
    this.#parts.systemEvents.publish({
      type: 'tools.definition.quarantined',
      data: { upstream, tool, hash: hashOf(definition), reasons: [...reasons], diff },
    });
  }

  /** Why each tool cannot be used. Yields to other work after each tool, since compiling its schemas takes time. */
  async #objectionsTo(
    { trust }: UpstreamConfig,
    tools: readonly Definition[],
  ): Promise<Map<Definition, readonly string[]>> {
    const found = new Map<Definition, readonly string[]>();
    for (const tool of tools) {
      found.set(tool, this.#parts.objections?.(tool, trust) ?? []);
      await nextTurn();
    }
    return found;
  }
}
