import { corsHeaders, preflight } from './cors.ts';
import { forward } from './forward.ts';
import { createVerifier } from './identity.ts';
import { Refusal } from './refusal.ts';
import type { Settings } from './settings.ts';

/** Proves who asks, and hands the request on to the gateway under that name. Every error is an answer. */
export function createHandler(settings: Settings): (request: Request) => Promise<Response> {
  const verify = createVerifier(settings);
  return async (request) => {
    const cors = corsHeaders(request.headers.get('origin'), settings.allowedOrigins);
    if (cors === null)
      return new Refusal('forbidden', 'Pages of this origin may not call; see ALLOWED_ORIGINS.').answer();
    if (request.method === 'OPTIONS') return preflight(cors);
    const answer = await answered(request, settings, verify);
    for (const [name, value] of Object.entries(cors)) answer.headers.set(name, value);
    return answer;
  };
}

async function answered(
  request: Request,
  settings: Settings,
  verify: ReturnType<typeof createVerifier>,
): Promise<Response> {
  try {
    const user = await verify(request.headers.get('authorization'));
    return await forward(request, user, settings);
  } catch (error) {
    if (error instanceof Refusal) return error.answer();
    console.error('a request failed', error);
    return new Refusal('unavailable', 'The request could not be handed on.').answer();
  }
}
