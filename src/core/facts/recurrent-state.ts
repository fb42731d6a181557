/** Recurrent layers: which they are and how much state one sequence keeps in each, in f32 elements. */
import type { RecurrenceRule, StateShape } from "./architecture-rules.ts";
import { InputError } from "./input-error.ts";
import type { MetadataReader } from "./metadata-reader.ts";

export interface StateElements {
  /** `n_embd_r`: the convolution's or token shift's past */
  readonly convolution: number;
  /** `n_embd_s` */
  readonly state: number;
}

export const noState: StateElements = { convolution: 0, state: 0 };

/** What the rules below look at in a layer. */
export interface LayerCounts {
  readonly kvHeads: number;
  readonly feedForward: number;
}

/** Source: `load_arch_hparams` of the recurrent and hybrid models, llama.cpp v0.5.0. NextN layers are never recurrent but for "all". */
export function recurrentLayers(
  rule: RecurrenceRule | undefined,
  reader: MetadataReader,
  mainLayerCount: number,
  layers: readonly LayerCounts[],
): boolean[] {
  if (!rule) return layers.map(() => false);
  if (rule.layers === "all" || rule.layers === "beside-attention") return layers.map(() => true);
  if (rule.layers === "without-kv-heads")
    return layers.map(({ kvHeads }, index) => index < mainLayerCount && kvHeads === 0);
  if (rule.layers === "without-kv-heads-and-ffn")
    return layers.map(
      ({ kvHeads, feedForward }, index) => index < mainLayerCount && kvHeads === 0 && feedForward === 0,
    );
  const listed = reader.perLayer("attention.recurrent_layers", layers.length, 1);
  if (listed) return layers.map((_, index) => listed[index] === 1);
  const interval = reader.count("full_attention_interval") ?? rule.layers.fullInterval;
  if (interval === 0)
    throw new InputError(
      `Model key ${reader.architecture}.full_attention_interval is 0. Send how many layers apart the attention layers stand, e.g. 4.`,
    );
  return layers.map((_, index) => index < mainLayerCount && (index + 1) % interval !== 0);
}

/** `firstHeadCount`: heads of layer 0, which llama.cpp takes for all. Source: llama-hparams.cpp:208-258. */
export function stateElements(
  shape: StateShape,
  reader: MetadataReader,
  embedding: number,
  firstHeadCount: number,
  keyDim: number,
): StateElements {
  const kernelPast = (fallback: number) => {
    const kernel = reader.count("ssm.conv_kernel") ?? 0;
    return kernel > 0 ? kernel - 1 : fallback;
  };
  switch (shape) {
    case "rwkv":
      return {
        convolution: (reader.count("token_shift_count") ?? 2) * embedding,
        state: embedding * reader.required("wkv.head_size"),
      };
    case "short-convolution":
      return { convolution: embedding * Math.max(0, reader.required("shortconv.l_cache") - 1), state: 0 };
    case "delta-attention": {
      const headDim = reader.required("kda.head_dim");
      return { convolution: 3 * kernelPast(3) * firstHeadCount * headDim, state: headDim * headDim * firstHeadCount };
    }
    case "linear-attention":
      return { convolution: 0, state: keyDim * keyDim * firstHeadCount };
    case "mamba":
    case "grouped-mamba": {
      const inner = reader.required("ssm.inner_size");
      const depth = reader.required("ssm.state_size");
      const groups = shape === "grouped-mamba" ? reader.required("ssm.group_count") : 0;
      return { convolution: kernelPast(0) * (inner + 2 * groups * depth), state: depth * inner };
    }
  }
}

/**
 * The n-gram embedding module of qwen4exp keeps the past of its convolution in the one layer it sits in.
 * Source: `ple_conv_state`, llama-hparams.cpp.
 */
export function ngramStateElements(reader: MetadataReader, index: number, embedding: number): number {
  if (!reader.array("ple.layers")?.includes(index)) return 0;
  const past = Math.max(0, reader.required("ple.conv_kernel") - 1);
  return past * reader.required("ple.ngram_size") * reader.required("hyper_connection.count") * embedding;
}
