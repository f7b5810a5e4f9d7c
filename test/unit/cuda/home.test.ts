import assert from 'node:assert/strict';
import { cudaProblem } from '../../../server/cuda/home.ts';
import { trialText } from '../../../server/cuda/sentences.ts';

describe('CUDA support', () => {
  it('is for Linux x64; elsewhere it says what computes there', () => {
    assert.equal(cudaProblem('linux-x64'), undefined);
    assert.match(
      cudaProblem('win32-x64') ?? '',
      /nothing to install on Windows: .* DirectML .* device directml, or auto/,
    );
    assert.match(cudaProblem('darwin-arm64') ?? '', /darwin-arm64 has none\. Palate computes with Core ML or WebGPU/);
    assert.match(cudaProblem('linux-arm64') ?? '', /linux-arm64 has none\. Palate computes with the CPU here/);
  });

  it('says what the trial showed, and names the CUDA that a missing library belongs to', () => {
    const cuda = { device: 'cuda', software: false } as const;
    const reason = 'libcublasLt.so.13: cannot open shared object file: No such file or directory';
    const missing = trialText({ ...cuda, works: false, reason });
    assert.ok(missing.includes(`its own words: ${reason}.`), missing);
    assert.match(missing, /needs NVIDIA's driver, and the libraries of CUDA 13 and cuDNN 9/);
    const works = trialText({ ...cuda, works: true, rates: { device: 9000, cpu: 400 } });
    assert.match(works, /^CUDA computes a training step .* 9\.0e\+3 GFLOP\/s, the CPU at .*Choose the device cuda/);
  });
});
