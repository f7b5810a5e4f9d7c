import { t } from '../translate.ts';

/** "3 minutes", "1 h 20 min": as exact as a forecast is. Empty where it is not known. */
export function timeLeft(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return '';
  if (seconds < 45) return t('less than a minute left');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t('{0} min left', minutes);
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? t('{0} h left', hours) : t('{0} h {1} min left', hours, minutes % 60);
}

/** "1.2 GB", "830 MB". */
export function bytes(count: number): string {
  const megabytes = count / 1e6;
  return megabytes < 1000 ? t('{0} MB', Math.ceil(megabytes)) : t('{0} GB', (megabytes / 1000).toFixed(1));
}

/** "+1.83", "−0.40": a reward always shows its sign. */
export function reward(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}

/** "1 preference", "12 preferences": whoever translates gets whole phrases. */
export function counted(count: number, one: string, many: string): string {
  return count === 1 ? one : many;
}

/** One line of at most `length` characters: what a tree or a list can show of a text. */
export function oneLine(text: string, length = 120): string {
  const line = text
    .slice(0, length * 4)
    .replace(/\s+/gu, ' ')
    .trim();
  const characters = [...line];
  return characters.length > length || line.length < text.trim().length / 4
    ? `${characters.slice(0, length - 1).join('')}…`
    : line;
}
