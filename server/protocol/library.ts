/** The models that a person has, as the server tells of them. Plain JSON; no imports but types. */

/** A base model that this person has, whatever the project. */
export interface LibraryModel {
  /** As palate.json and `--model` may call it: "embedded", a name, "org/name", "org/name@revision:file.gguf". */
  readonly name: string;
  /** 'cache': of the hub's own tools. */
  readonly source: 'embedded' | 'added' | 'downloaded' | 'cache';
  /** Absolute. */
  readonly path: string;
  readonly format?: 'gguf' | 'huggingface';
  /** "llama", "qwen2" … */
  readonly family?: string;
  readonly parameters?: number;
  /** Of the weights on the disk. */
  readonly bytes?: number;
  /** Why it won't load. */
  readonly problem?: string;
}
