import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';

/** The hub's own environment variables, as its other tools read them. */
export type HubEnvironment = Readonly<Record<string, string | undefined>>;

/** Where the hub answers, without a slash at the end: HF_ENDPOINT. */
export function hubEndpoint(env: HubEnvironment = process.env): string {
  const endpoint = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  try {
    if (/^https?:$/.test(new URL(endpoint).protocol)) return endpoint;
  } catch {
    // Falls through.
  }
  throw new UserError(`HF_ENDPOINT is ${JSON.stringify(endpoint)}: it must be an address that begins with https://.`);
}

/** The folder of the cache that the hub's other tools fill: HF_HUB_CACHE, HF_HOME, else the system's own place. */
export function hubCache(env: HubEnvironment = process.env): string {
  return expanded(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), 'hub'));
}

/** The person's token, which is sent to the hub only; undefined where there is none or it shall not be used unasked. */
export function hubToken(env: HubEnvironment = process.env): string | undefined {
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || readTokenFile(tokenFile(env));
  // What a header cannot hold is none.
  const token = given?.trim() ?? '';
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}

export function tokenFile(env: HubEnvironment = process.env): string {
  return expanded(env.HF_TOKEN_PATH || join(hubHome(env), 'token'));
}

/** Whether the person has said that nothing shall be asked of the hub. */
export function isOffline(env: HubEnvironment = process.env): boolean {
  return isOn(env.HF_HUB_OFFLINE);
}

function hubHome(env: HubEnvironment): string {
  return expanded(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'));
}

const isOn = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? '');

const expanded = (path: string) => (/^~(?=[/\\]|$)/.test(path) ? join(homedir(), path.slice(1)) : path);

function readTokenFile(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
