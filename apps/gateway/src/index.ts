export { createGateway, type Gateway, type GatewayOverrides } from './app.ts';
export { Config, type GatewayConfig } from './config.ts';
