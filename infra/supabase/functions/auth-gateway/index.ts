import { createHandler } from './handler.ts';
import { readSettings } from './settings.ts';

/* The Supabase Edge Function `auth-gateway`: docs/supabase-edge-functions.md. */

Deno.serve(createHandler(readSettings((name) => Deno.env.get(name))));
