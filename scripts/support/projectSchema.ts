import { toJsonSchema } from '@valibot/to-json-schema';
import { projectConfig } from '../../server/store/projectConfig.ts';

/** Where it is kept, from the repository's root; package.json gives it to the editor. */
export const schemaFile = 'schemas/palate.schema.json';

/** The JSON schema of palate.json: names, ranges, defaults, and what each setting means. */
export function projectSchemaText(): string {
  const schema = toJsonSchema(projectConfig, {
    typeMode: 'input',
    errorMode: 'throw',
    // The check cannot be said in JSON Schema, and JSON has no infinite numbers anyway.
    ignoreActions: ['finite'],
  });
  const head = { title: 'A Palate project', description: 'What a project learns from, on what, and how.' };
  return `${JSON.stringify({ ...schema, ...head }, null, 2)}\n`;
}
