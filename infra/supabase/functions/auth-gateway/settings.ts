/* What the function is told by its environment. All that is wrong with it is said at once. */

export interface Settings {
  readonly gatewayUrl: URL;
  readonly edgeSecret: string;
  readonly issuer: string;
  /** Of projects with the older, shared key; undefined: tokens are checked by the published keys alone. */
  readonly jwtSecret: string | undefined;
  readonly allowedOrigins: readonly string[];
  readonly allowAnonymous: boolean;
  readonly answerTimeoutMs: number;
  readonly maxBodyBytes: number;
}

const MIN_SECRET_CHARS = 32;
const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|host\.docker\.internal|kong)$/;

export function readSettings(env: (name: string) => string | undefined): Settings {
  const problems: string[] = [];
  const given = (name: string) => env(name)?.trim() || undefined;
  const url = (name: string, text: string | undefined): URL | undefined => {
    if (text === undefined) return void problems.push(`${name} is missing.`);
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    const safe = parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && LOCAL.test(parsed.hostname));
    if (!parsed || !safe) return void problems.push(`${name} must be an https address (http on this machine alone).`);
    return parsed;
  };
  const secret = (name: string, text: string | undefined): string | undefined => {
    if (text !== undefined && text.length >= MIN_SECRET_CHARS) return text;
    problems.push(`${name} must have ${MIN_SECRET_CHARS} characters or more.`);
    return undefined;
  };
  const whole = (name: string, byDefault: number, most: number): number => {
    const value = Number(given(name) ?? byDefault);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    problems.push(`${name} must be a whole number from 1 to ${most}.`);
    return byDefault;
  };

  const gatewayUrl = url('GATEWAY_URL', given('GATEWAY_URL'));
  const edgeSecret = secret('EDGE_SHARED_SECRET', given('EDGE_SHARED_SECRET'));
  const base = given('SUPABASE_URL');
  const issuer = url('JWT_ISSUER', given('JWT_ISSUER') ?? (base && `${base.replace(/\/$/, '')}/auth/v1`));
  const jwtSecret = given('JWT_SECRET') === undefined ? undefined : secret('JWT_SECRET', given('JWT_SECRET'));
  const allowedOrigins = (given('ALLOWED_ORIGINS') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  for (const origin of allowedOrigins)
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      problems.push('ALLOWED_ORIGINS must be origins like https://app.example.com, comma-separated; "*" is not one.');
  const settings = {
    jwtSecret,
    allowedOrigins,
    allowAnonymous: given('ALLOW_ANONYMOUS_USERS') === 'true',
    answerTimeoutMs: whole('ANSWER_TIMEOUT_MS', 140_000, 400_000),
    maxBodyBytes: whole('MAX_BODY_BYTES', 8 * 1024 ** 2, 8 * 1024 ** 2),
  };
  if (!gatewayUrl || !edgeSecret || !issuer || problems.length > 0)
    throw new Error(`auth-gateway cannot start:\n${problems.map((each) => `  ${each}`).join('\n')}`);
  return { gatewayUrl, edgeSecret, issuer: issuer.href.replace(/\/$/, ''), ...settings };
}
