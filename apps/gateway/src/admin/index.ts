/* The routes of operators and admins. */

export { BudgetController } from './budget.controller.ts';
export { DeadLettersController } from './dead-letters.controller.ts';
export { DocsController } from './docs.controller.ts';
export { EffectsController } from './effects.controller.ts';
export { OperationsController } from './operations.controller.ts';
export { SystemController } from './system.controller.ts';
export { UpstreamsController } from './upstreams.controller.ts';
