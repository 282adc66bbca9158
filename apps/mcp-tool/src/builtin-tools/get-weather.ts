import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineTool } from '../tool/index.ts';

const CONDITIONS = ['sunny', 'partly cloudy', 'cloudy', 'light rain', 'rain', 'windy', 'foggy', 'clear'] as const;

/** A made-up report that is the same for the same city: this tool shows the credential path, not the sky. */
export const getWeather = defineTool({
  name: 'get_weather',
  aliases: ['get_weather_tool'],
  description:
    'Get the current weather of a city: temperature, conditions, humidity. (Mock data, the same on every call.)',
  provider: 'weather',
  kind: 'read',
  idempotency: 'safe',
  requiredCredentials: ['MOCK_WEATHER_TOOL_API_KEY'],
  input: z.object({
    city: z.string().trim().min(1).max(100).describe('Name of the city, e.g. "London"'),
    unit: z.enum(['celsius', 'fahrenheit']).default('celsius').describe('Unit of the temperature'),
  }),
  output: z.object({
    city: z.string(),
    temperature: z.number(),
    unit: z.enum(['celsius', 'fahrenheit']),
    conditions: z.string(),
    humidity_percent: z.number(),
  }),
  timeoutMs: 5_000,
  run: ({ city, unit }) => {
    const digest = createHash('sha256').update(city.normalize().toLowerCase()).digest();
    const celsius = (digest[0]! % 30) - 2;
    return {
      city,
      temperature: unit === 'celsius' ? celsius : Math.round(celsius * 1.8 + 32),
      unit,
      conditions: CONDITIONS[digest[1]! % CONDITIONS.length]!,
      humidity_percent: 35 + (digest[2]! % 60),
    };
  },
});
