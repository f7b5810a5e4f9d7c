import * as v from 'valibot';
import type { ServerSettings } from '../protocol/client.ts';

/** Until the editor says otherwise a workspace is not trusted. */
const settings = v.object({
  inlineScores: v.fallback(v.optional(v.picklist(['off', 'inlay', 'codeLens']), 'inlay'), 'inlay'),
  freeCores: v.fallback(v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 1), 1),
  onInterruptedRun: v.fallback(v.optional(v.picklist(['offer', 'resume']), 'offer'), 'offer'),
  trusted: v.fallback(v.optional(v.boolean(), false), false),
});

export const defaultSettings: ServerSettings = v.parse(settings, {});

/** Settings as the editor gives them, or below its key `palate`; what is missing or makes no sense is as by default. */
export function parseSettings(value: unknown): ServerSettings {
  const given = typeof value === 'object' && value !== null ? value : {};
  const own = 'palate' in given && typeof given.palate === 'object' ? given.palate : given;
  const parsed = v.safeParse(settings, own ?? {});
  return parsed.success ? parsed.output : defaultSettings;
}
