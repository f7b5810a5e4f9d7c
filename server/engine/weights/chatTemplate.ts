import { Template } from '@huggingface/jinja';
import { UserError } from '../../errors.ts';
import { escaped } from './files.ts';
import type { ChatMessage } from './types.ts';

/** A model's chat template, rendered as Transformers does (trim_blocks, lstrip_blocks, raise_exception, strftime_now). */
export interface ChatTemplate {
  /** The text that the model reads. Throws a UserError where the template is broken or refuses the messages. */
  render(messages: readonly ChatMessage[], options: ChatOptions): string;
}

export interface ChatOptions {
  /** Whether to end with the words that open the assistant's answer. */
  readonly generationPrompt: boolean;
  /** bos_token, eos_token, … as the template may write them. */
  readonly namedTokens: Readonly<Record<string, string>>;
}

/** Parses a template. A broken one is reported when it is used: without messages the model works all the same. */
export function compileChatTemplate(where: string, text: string): ChatTemplate {
  let template: Template | undefined;
  let broken: Error | undefined;
  try {
    template = new Template(text);
  } catch (error) {
    broken = error as Error;
  }
  return {
    render(messages, { generationPrompt, namedTokens }) {
      if (!template)
        throw new UserError(`${where}: the chat template is broken: ${escaped(broken?.message ?? '')}.`, {
          cause: broken,
        });
      const copies = messages.map(({ role, content }) => ({ role, content }));
      try {
        return template.render({ ...namedTokens, messages: copies, add_generation_prompt: generationPrompt });
      } catch (error) {
        throw new UserError(
          `${where}: the chat template does not take these messages: ${escaped((error as Error).message)}.`,
          { cause: error },
        );
      }
    },
  };
}
