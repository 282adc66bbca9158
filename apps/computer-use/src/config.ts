import { MAX_COMPUTER_TURNS, MAX_SCREEN } from '@switchyard/contracts';
import { databaseSettings, databaseVariables, integer, serviceSettings, serviceVariables } from '@switchyard/platform';
import { z } from 'zod';

const AppName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
const Program = z.object({
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  readable: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
});
const Apps = z.record(AppName, Program);

/** `{"calculator": {"command": "galculator"}}` */
const AppsText = z
  .string()
  .default('')
  .transform((text, context): z.output<typeof Apps> => {
    const parsed = Apps.safeParse(text.trim() === '' ? {} : json(text));
    if (parsed.success) return parsed.data;
    const message = 'expected JSON: name -> {"command", "args", "readable", "env"}; names in small letters';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const ScreenText = z
  .string()
  .default('1280x800')
  .transform((text, context) => {
    const [, width = 0, height = 0] = (/^(\d{3,4})x(\d{3,4})$/.exec(text.trim()) ?? []).map(Number);
    if (width >= 320 && height >= 240 && width <= MAX_SCREEN.width && height <= MAX_SCREEN.height)
      return { width, height };
    const message = `expected "<width>x<height>", from 320x240 to ${MAX_SCREEN.width}x${MAX_SCREEN.height}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The environment of this service: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('computer-use'),
    ...databaseVariables('switchyard_computer_use', 5),
    COMPUTER_SESSIONS: integer(1, 64, 2).describe('Screens that may be open at the same time'),
    COMPUTER_SCREEN: ScreenText.describe('Size of each screen in pixels'),
    COMPUTER_DIR: z
      .string()
      .min(1)
      .default('/tmp/switchyard-computer')
      .describe('Folder of what sessions keep on the disk; other accounts must be able to pass through all above it'),
    COMPUTER_APPS: AppsText.describe(
      'JSON object: the applications that may be opened, name -> {"command", "args", "readable", "env"}',
    ),
    COMPUTER_START_APP: AppName.optional().describe('The one of them that each screen begins with'),
    COMPUTER_MAX_TURNS: integer(1, MAX_COMPUTER_TURNS, 30).describe('Most turns of one step'),
    COMPUTER_COORDINATES: z
      .enum(['pixels', 'thousandths'])
      .default('pixels')
      .describe('How the model names a point: in pixels of the image, or in thousandths of its sides'),
    COMPUTER_LEASE_MS: integer(1_000, 120_000, 6_000).describe('How long a worker holds a step without renewing'),
    COMPUTER_FRAME_HOURS: integer(1, 8_760, 24).describe('How long frames are kept'),
    COMPUTER_RETENTION_DAYS: integer(1, 3_650, 30).describe('How long ended steps are kept'),
  })
  .check(({ value: env, issues }) => {
    const { COMPUTER_START_APP: start, COMPUTER_APPS: apps } = env;
    if (start === undefined || Object.hasOwn(apps, start)) return;
    const message = `"${start}" is not in COMPUTER_APPS`;
    issues.push({ code: 'custom', message, path: ['COMPUTER_START_APP'], input: start });
  })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    database: databaseSettings(env, context),
    screens: {
      sessions: env.COMPUTER_SESSIONS,
      size: env.COMPUTER_SCREEN,
      folder: env.COMPUTER_DIR,
      apps: env.COMPUTER_APPS,
      startApp: env.COMPUTER_START_APP,
    },
    maxTurns: env.COMPUTER_MAX_TURNS,
    coordinates: env.COMPUTER_COORDINATES,
    leaseMs: env.COMPUTER_LEASE_MS,
    frameHours: env.COMPUTER_FRAME_HOURS,
    retentionDays: env.COMPUTER_RETENTION_DAYS,
  }));
export type Config = z.output<typeof Config>;
