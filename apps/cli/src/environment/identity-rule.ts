import type { Environment } from './allowed-variables.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/**
 * The development identity believes whoever names a user, so it is for this machine alone. Throws, before anything is
 * started or stopped, where it would serve production or a network.
 */
export function refuseOpenIdentity(given: Environment): void {
  if ((given['IDENTITY_MODE'] || 'dev') !== 'dev') return;
  const remedy = 'Set IDENTITY_MODE to jwt or edge (docs/reference/config.md has what each needs)';
  if (given['NODE_ENV'] === 'production')
    throw new UserError(
      `NODE_ENV is production and the identity is the development one, which believes everybody. ${remedy}, or unset NODE_ENV.`,
      EXIT.config,
    );
  const host = given['GATEWAY_HOST'];
  if (host && !LOOPBACK.test(host))
    throw new UserError(
      `GATEWAY_HOST=${host} is open to the network and the identity is the development one, which believes everybody. ${remedy}, or leave GATEWAY_HOST at 127.0.0.1.`,
      EXIT.config,
    );
}
