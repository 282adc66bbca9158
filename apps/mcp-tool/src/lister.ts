import type { Principal, ToolConstraints, ToolInfo } from '@switchyard/contracts';
import { type Registry, viewerOf, visibleTools } from './toolbox.ts';

/** Lists what a caller may use. */
export class Lister {
  constructor(private readonly registry: Registry) {}

  list(principal: Principal, constraints: ToolConstraints): ToolInfo[] {
    return visibleTools(this.registry, viewerOf(principal, constraints)).map((tool) => tool.info);
  }
}
