import { Progress } from '../demo/progress.ts';
import type { EngineEvents, ExportFormat } from '../protocol/engine.ts';
import { choiceFlag, command, required, textFlag } from './command.ts';
import { adapterFlag, jsonFlag, modelFlag } from './flags.ts';

export const exportModel = command({
  name: 'model export',
  summary: 'write a model with its adapter for Transformers, llama.cpp and others',
  details: `
safetensors is a Hugging Face folder, gguf-f16 and gguf-q8_0 are files for llama.cpp. The adapter is worked into the
weights: what is written stands alone. Without --format a PATH that ends in .gguf gets gguf-f16, any other safetensors.`,
  flags: {
    model: modelFlag,
    adapter: adapterFlag,
    out: required(textFlag('PATH', 'the folder or .gguf file to write; it must not be there yet')),
    format: choiceFlag<ExportFormat>(['safetensors', 'gguf-f16', 'gguf-q8_0'], 'what to write'),
    json: jsonFlag,
  },
  operands: [],
  async run({ model, adapter, out, format }, _, console) {
    const progress = new Progress([{ name: 'export', title: 'Exporting', weight: 1 }]);
    console.onInterrupt(() => progress.stop('Stopping …'));
    progress.begin('export');
    const onEvent = (event: EngineEvents['exportModel']) => {
      if (event.kind === 'progress') progress.update(event.done / event.total, event.what);
      else progress.say(event.message);
    };
    try {
      const params = { model, adapter, out, format };
      const result = await console.engine.call('exportModel', params, { signal: console.signal, onEvent });
      progress.close();
      const seconds = console.seconds();
      if (console.json) console.resultJson({ ...result, seconds });
      else console.result(`${result.out}: ${result.format}, ${(result.bytes / 1e6).toFixed(1)} MB · ${seconds} s`);
      return 0;
    } finally {
      progress.stop();
    }
  },
});
