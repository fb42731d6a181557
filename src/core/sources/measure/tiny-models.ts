/**
 * Two models of noise that tell a machine's constants apart. The dense one has few and wide layers: its tokens wait for bytes. The mixture
 * has many and narrow ones: its tokens wait for the start of each layer. Nothing is downloaded; both are deleted after the measurement.
 */
import { f32, f32s, i32s, type NoiseModel, type NoiseTensor, noiseBytes, string, strings, u32 } from "./gguf-writer.ts";

interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly embedding: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly experts?: { readonly total: number; readonly used: number };
}

/** 258 MB: more than any level-3 cache of an ordinary processor, read in 0.3 to 30 ms. */
const dense: Shape = {
  name: "dense",
  layers: 4,
  embedding: 2048,
  feedForward: 8192,
  heads: 16,
  kvHeads: 4,
  headDim: 128,
};
/** 60 MB, of which a token reads a third. */
const mixture: Shape = {
  name: "mixture",
  layers: 32,
  embedding: 256,
  feedForward: 256,
  heads: 4,
  kvHeads: 1,
  headDim: 64,
  experts: { total: 8, used: 2 },
};

const VOCABULARY = 512;
const CONTEXT_TOKENS = 8192;

export interface TinyModel {
  readonly name: string;
  readonly layerCount: number;
  /** bytes of weights that one decoded token reads */
  readonly activeBytes: number;
  /** weights that one token is multiplied with */
  readonly activeWeightCount: number;
  readonly model: NoiseModel;
}

/** A vocabulary in SentencePiece's manner: three special tokens, the 256 bytes, and words nobody writes. */
function tokenizer(): NoiseModel["metadata"] {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = Array.from({ length: VOCABULARY - 259 }, (_, i) => `tok_${i}`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...words];
  // 1 normal, 2 unknown, 3 control, 6 byte
  const types = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)];
  return {
    "tokenizer.ggml.model": string("llama"),
    "tokenizer.ggml.tokens": strings(tokens),
    "tokenizer.ggml.scores": f32s(tokens.map((_, i) => -i)),
    "tokenizer.ggml.token_type": i32s(types),
    "tokenizer.ggml.bos_token_id": u32(1),
    "tokenizer.ggml.eos_token_id": u32(2),
  };
}

function metadata(shape: Shape): NoiseModel["metadata"] {
  const { experts } = shape;
  return {
    "general.architecture": string("llama"),
    "general.name": string(`measurement ${shape.name}`),
    "general.file_type": u32(7),
    "llama.block_count": u32(shape.layers),
    "llama.context_length": u32(CONTEXT_TOKENS),
    "llama.embedding_length": u32(shape.embedding),
    "llama.feed_forward_length": u32(shape.feedForward),
    "llama.attention.head_count": u32(shape.heads),
    "llama.attention.head_count_kv": u32(shape.kvHeads),
    "llama.attention.layer_norm_rms_epsilon": f32(1e-5),
    "llama.rope.dimension_count": u32(shape.headDim),
    "llama.vocab_size": u32(VOCABULARY),
    ...(experts === undefined
      ? {}
      : { "llama.expert_count": u32(experts.total), "llama.expert_used_count": u32(experts.used) }),
    ...tokenizer(),
  };
}

function layer(shape: Shape, index: number): NoiseTensor[] {
  const { embedding, feedForward, experts } = shape;
  const [query, keyValue] = [shape.heads * shape.headDim, shape.kvHeads * shape.headDim];
  const weight = (name: string, ...sizes: number[]): NoiseTensor => ({
    name: `blk.${index}.${name}.weight`,
    shape: sizes,
    type: "q8_0",
  });
  const norm = (name: string, ...sizes: number[]): NoiseTensor => ({
    name: `blk.${index}.${name}.weight`,
    shape: sizes,
    type: "f32",
  });
  const attention = [
    norm("attn_norm", embedding),
    weight("attn_q", embedding, query),
    weight("attn_k", embedding, keyValue),
    weight("attn_v", embedding, keyValue),
    weight("attn_output", query, embedding),
    norm("ffn_norm", embedding),
  ];
  if (experts === undefined) {
    return [
      ...attention,
      weight("ffn_gate", embedding, feedForward),
      weight("ffn_up", embedding, feedForward),
      weight("ffn_down", feedForward, embedding),
    ];
  }
  return [
    ...attention,
    norm("ffn_gate_inp", embedding, experts.total),
    weight("ffn_gate_exps", embedding, feedForward, experts.total),
    weight("ffn_up_exps", embedding, feedForward, experts.total),
    weight("ffn_down_exps", feedForward, embedding, experts.total),
  ];
}

function tinyModel(shape: Shape): TinyModel {
  const matrix = (name: string, ...sizes: number[]): NoiseTensor => ({ name, shape: sizes, type: "q8_0" });
  const head = matrix("output.weight", shape.embedding, VOCABULARY);
  const tensors = [
    matrix("token_embd.weight", shape.embedding, VOCABULARY),
    ...Array.from({ length: shape.layers }, (_, index) => layer(shape, index)).flat(),
    { name: "output_norm.weight", shape: [shape.embedding], type: "f32" as const },
    head,
  ];
  const share = (tensor: NoiseTensor): number =>
    tensor.name.includes("_exps") && shape.experts ? shape.experts.used / shape.experts.total : 1;
  // one row of the embedding is read: nothing beside the rest
  const read = tensors.filter((tensor) => tensor.name !== "token_embd.weight");
  return {
    name: shape.name,
    layerCount: shape.layers,
    activeBytes: read.reduce((sum, tensor) => sum + noiseBytes(tensor) * share(tensor), 0),
    activeWeightCount: read.reduce(
      (sum, tensor) => sum + tensor.shape.reduce((product, size) => product * size, 1) * share(tensor),
      0,
    ),
    model: { metadata: metadata(shape), tensors },
  };
}

export const tinyModels: readonly [dense: TinyModel, mixture: TinyModel] = [tinyModel(dense), tinyModel(mixture)];
