/* Tools and their providers over HTTP. */

export { ProviderAuthController } from './provider-auth.controller.ts';
export { ToolsController } from './tools.controller.ts';
