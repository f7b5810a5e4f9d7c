import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UserError } from '../../server/errors.ts';

/**
 * The options of a script.
 *
 * @throws UserError with the usage where one is unknown, lacks its value, or is --help
 */
export function readOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: Options,
) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const asked = process.argv.includes('--help');
    throw new UserError(asked ? `Usage: ${usage}` : `${(error as Error).message}\nUsage: ${usage}`);
  }
}
