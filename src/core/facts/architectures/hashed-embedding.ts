/** Qwen4's embedding by hashed n-grams: one table, read in a few layers. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, type Condition, type Dimension, only, row } from "./row.ts";
import { lookup } from "./scope.ts";
import { streams, streamWidth } from "./streams.ts";

const hasTable: Condition = (scope) => Array.isArray(lookup(scope, "ple.layers"));
const readsTable: Condition = (scope) => {
  const layers = lookup(scope, "ple.layers");
  return Array.isArray(layers) && layers.includes(scope.layer.index);
};
const numbers = (value: ReturnType<typeof lookup>): number[] => (Array.isArray(value) ? value.map(Number) : []);
/** one table for all hashes: the last row any of them reaches */
const tableRows: Dimension = (scope) => {
  const sizes = numbers(lookup(scope, "ple.head_vocab_sizes"));
  return Math.max(
    0,
    ...numbers(lookup(scope, "ple.head_offsets")).map((offset, index) => offset + (sizes[index] ?? 0)),
  );
};
const perStream = (name: string): Block => [row(`${name}.weight`, [d.embedding, streams])];
export const hashedEmbedding: Block = only(readsTable, [
  ...a.linear("ple_key", d.embedding, streamWidth),
  ...a.linear("ple_value", d.embedding, d.embedding),
  ...perStream("ple_norm_key"),
  ...perStream("ple_norm_query"),
  ...perStream("ple_norm_conv"),
  row("ple_conv1d.weight", [d.key("ple.conv_kernel"), streamWidth]),
]);
export const hashTable: Block = only(
  hasTable,
  a.linear("per_layer_token_embd", d.key("embedding_length_per_layer_input"), tableRows),
);
