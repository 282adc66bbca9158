import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError, type InputOf, type listQuarantine, type OutputOf, type Principal } from '@switchyard/contracts';
import type { decideQuarantine, listUpstreams } from '@switchyard/contracts';
import type { PinnedTool, ToolPins } from '@switchyard/store';
import type { UpstreamRegistry } from './registry.ts';
import { definitionDiff } from './pins.ts';

export interface QuarantineParts {
  readonly pins: Pick<ToolPins, 'waiting' | 'decide'>;
  readonly registry: Pick<UpstreamRegistry, 'judgeAgain' | 'statuses'>;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
}

/** Definitions that wait for a person, and the person's decision. Only admins see untrusted definitions and decide. */
export class Quarantine {
  readonly #parts: QuarantineParts;

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
  }

  async list({ principal, limit, cursor }: InputOf<typeof listQuarantine>): Promise<OutputOf<typeof listQuarantine>> {
    mustBe(principal, ['admin']);
    const found = await this.#parts.pins.waiting({ limit: limit + 1, after: placeOf(cursor) });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return { tools: page.map(toView), nextCursor: found.length > limit && last ? cursorOf(last) : null };
  }

  async decide({
    principal,
    ...decision
  }: InputOf<typeof decideQuarantine>): Promise<OutputOf<typeof decideQuarantine>> {
    mustBe(principal, ['admin']);
    const { upstream, tool, hash, verdict } = decision;
    const by = `${principal.tenantId}/${principal.userId}`;
    if (!(await this.#parts.pins.decide({ ...decision, by })))
      throw new AppError('not_found', 'No definition with this hash waits for this tool; look at the list again.');
    const { tenantId: tenant_id, userId: user_id } = principal;
    this.#parts.systemEvents.publish({
      type: 'tools.definition.decided',
      data: { tenant_id, user_id, upstream, tool, hash, verdict },
    });
    await this.#parts.registry.judgeAgain(upstream);
    return { upstream, tool, verdict };
  }

  upstreams({ principal }: InputOf<typeof listUpstreams>): OutputOf<typeof listUpstreams> {
    mustBe(principal, ['admin', 'auditor']);
    return { upstreams: this.#parts.registry.statuses() };
  }
}

export function mustBe({ role }: Principal, roles: readonly string[]): void {
  if (!roles.includes(role)) throw new AppError('forbidden');
}

function toView({ upstream, tool, pending, pendingHash, approved, reasons, seenAt }: PinnedTool) {
  const diff = definitionDiff(approved, pending).map((line) => line.slice(0, 2_000));
  return { upstream, tool, hash: pendingHash!, reasons: [...reasons], diff, seenAt: Math.round(seenAt) };
}

function cursorOf({ upstream, tool }: PinnedTool): string {
  return Buffer.from(JSON.stringify([upstream, tool])).toString('base64url');
}

function placeOf(cursor: string | undefined): { upstream: string; tool: string } | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [upstream, tool] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof upstream === 'string' && typeof tool === 'string') return { upstream, tool };
  } catch {
    // The same as below.
  }
  throw new AppError('invalid_cursor', 'The cursor is not one that this list has given.');
}
