/** Multi-head latent attention: keys and values through one compressed row; the sparse-attention indexer beside it. */
import { biasedNorm, linear, norm } from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, type Condition, type Dimension, not, only, row } from "./row.ts";

export const queryRank: Dimension = d.key("attention.q_lora_rank");
export const keyValueRank: Dimension = d.key("attention.kv_lora_rank");
/** per-head widths before absorption; older files store them as the plain head widths */
export const fullKey: Dimension = d.keyOr("attention.key_length_mla", d.key("attention.key_length"));
export const fullValue: Dimension = d.keyOr("attention.value_length_mla", d.key("attention.value_length"));
export const ropeKey: Dimension = d.key("rope.dimension_count");
export const plainKey: Dimension = d.minus(fullKey, ropeKey);

const hasQueryRank: Condition = d.has("attention.q_lora_rank");
const absorbed: Condition = d.has("attention.key_length_mla");

const latentQuery: Block = [
  ...only(hasQueryRank, [
    ...norm("attn_q_a_norm", queryRank),
    ...linear("attn_q_a", d.embedding, queryRank),
    ...linear("attn_q_b", queryRank, d.times(d.heads, fullKey)),
  ]),
  ...only(not(hasQueryRank), linear("attn_q", d.embedding, d.times(d.heads, fullKey))),
];

const latentKeyValue: Block = [
  ...norm("attn_kv_a_norm", keyValueRank),
  ...linear("attn_kv_a_mqa", d.embedding, d.plus(keyValueRank, ropeKey)),
  ...only(absorbed, [
    row("attn_k_b.weight", [plainKey, keyValueRank, d.heads]),
    row("attn_v_b.weight", [keyValueRank, fullValue, d.heads]),
  ]),
  ...only(not(absorbed), linear("attn_kv_b", keyValueRank, d.times(d.heads, d.plus(plainKey, fullValue)))),
];

export const joinedLatentWidth: Dimension = d.times(d.heads, fullValue);
export const latentAttention: Block = [
  ...latentQuery,
  ...latentKeyValue,
  ...linear("attn_output", joinedLatentWidth, d.embedding),
];

export const indexerHeads: Dimension = d.key("attention.indexer.head_count");
export const indexerWidth: Dimension = d.key("attention.indexer.key_length");
/** picks the tokens a sparse layer attends to (DeepSeek-V3.2) */
export const indexer: Block = [
  ...biasedNorm("indexer.k_norm", indexerWidth),
  ...linear("indexer.proj", d.embedding, indexerHeads),
  ...linear("indexer.attn_k", d.embedding, indexerWidth),
  ...linear("indexer.attn_q_b", queryRank, d.times(indexerHeads, indexerWidth)),
];
/** the same without latent queries (MiniMax-M3, Qwen4) */
export const plainIndexer: Block = [
  ...linear("indexer.q_proj", d.embedding, d.times(indexerHeads, indexerWidth)),
  ...linear("indexer.k_proj", d.embedding, indexerWidth),
  ...norm("indexer.q_norm", indexerWidth),
  ...norm("indexer.k_norm", indexerWidth),
];
