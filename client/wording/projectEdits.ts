import { type Edit, modify, type ParseError, parse } from 'jsonc-parser';

/** What has to change in the text of palate.json so that it names this model. Undefined: the text is no JSON object. */
export function modelEdits(text: string, model: string): readonly Edit[] | undefined {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = /\n(?<indent>[ \t]+)\S/.exec(text)?.groups?.indent ?? '  ';
  const insertSpaces = !indent.includes('\t');
  const formattingOptions = { insertSpaces, tabSize: insertSpaces ? indent.length : 1, eol };
  return modify(text, ['model'], model, { formattingOptions, getInsertionIndex: afterVersion });
}

/** Beside the version, where a new project has it. */
const afterVersion = (keys: string[]) => keys.indexOf('version') + 1;
