import { UserError } from '../errors.ts';
import { parseReference } from '../hub/reference.ts';
import { namedModel } from '../library/names.ts';
import {
  type DeviceChoice,
  deviceChoices,
  type EngineName,
  engineNames,
  type Precision,
  precisions,
} from '../protocol/types.ts';
import { choiceFlag, numberFlag, required, switchFlag, textFlag } from './command.ts';

/** Flags that several commands share. */
/** What the engine is given is a path: a name becomes that of the copy on this machine. */
const modelText = (help: string) => ({
  ...textFlag('MODEL', help),
  parse: (_: string, text: string | undefined) => modelPath(text ?? ''),
});
export const modelFlag = required(
  modelText(
    'the base model: a GGUF file or a Hugging Face folder of the families Llama, Gemma or GPT-2, or a name of `palate model list`',
  ),
);
/** Where a project will do instead. */
export const optionalModelFlag = modelText(`${modelFlag.help}; absent: the project's`);
export const projectFlag = textFlag('DIR', 'the project (default: the folder with palate.json here or above)');
export const adapterFlag = textFlag('DIR', 'a PEFT adapter folder on that model');
export const jsonFlag = switchFlag('results as JSON lines on stdout, a summary line last');
export const maxNewTokensFlag = numberFlag('N', 'the most tokens of an answer', { least: 1, whole: true });
export const seedFlag = numberFlag('N', 'the random seed (default 0); equal seeds give equal results', {
  least: 0,
  most: 2 ** 32 - 1,
  whole: true,
});
export const engineFlag = choiceFlag<EngineName>(engineNames, 'what trains (default: onnx); tensorflow is set up once');
export const deviceFlag = choiceFlag<DeviceChoice>(
  deviceChoices,
  'where onnxruntime trains (default: auto, the best that works here; `palate doctor` shows them)',
);
export const precisionFlag = choiceFlag<Precision>(
  precisions,
  'how the frozen base computes (default: float32); int8-base is faster and a little less exact',
);
export const threadsFlag = numberFlag(
  'N',
  'threads of the runtime (default: physical cores); results are byte-identical only for the same number',
  {
    least: 1,
    most: 1024,
    whole: true,
  },
);

/** A path is left as it is: whoever opens it says what is wrong with it. */
function modelPath(model: string): string {
  const { path, named, problem } = namedModel('.', model);
  if (problem !== undefined && (named || parseReference(model))) throw new UserError(`--model ${model}: ${problem}`);
  return named ? path : model;
}
