/** `npm run schema` writes the JSON schema of palate.json again; a test says when that is due. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../server/paths.ts';
import { projectSchemaText, schemaFile } from './support/projectSchema.ts';

const path = join(packageRoot(), schemaFile);
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, projectSchemaText());
console.log(`Written: ${schemaFile}`);
