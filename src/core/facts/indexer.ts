/** Sparse attention keeps a second, one-head K cache for the indexer that selects which tokens to attend to. */
import type { ArchitectureRule } from "./architecture-rules.ts";
import type { MetadataReader } from "./metadata-reader.ts";
import type { LayerFacts } from "./model.ts";

/** GLM 5.2 (known by its context) shares an indexer among four layers unless the file lists them; GLM 5 before it has one in every layer. */
const SHARED_INDEXER_CONTEXT_TOKENS = 1_048_576;
const SHARING_LAYERS = 4;
/** the first layers have one each before the sharing starts */
const UNSHARED_LAYERS = 2;

/** deepseek4's indexer reads keys compressed over four tokens (`DSV4_CSA_RATIO`, src/llama-kv-cache-dsv4.cpp:18). */
const FINE_COMPRESSION_TOKENS = 4;

/** Source: `is_indexer_full`, src/models/glm-dsa.cpp:6-66, hy-v4.cpp, dots3note.cpp of llama.cpp v0.5.0. */
function hasIndexer(rule: ArchitectureRule, reader: MetadataReader, index: number): boolean {
  const listed = reader.array("attention.indexer.types")?.[index] ?? reader.scalar("attention.indexer.types");
  if (!rule.indexer) return false;
  switch (rule.indexer) {
    case "main-layers":
    case "attention-layers":
      return true;
    case "listed-layers":
      return listed === 1;
    case "listed-or-shared-layers":
      if (listed !== undefined) return listed === 1;
      if ((reader.count("context_length") ?? 0) < SHARED_INDEXER_CONTEXT_TOKENS) return true;
      return index < UNSHARED_LAYERS || (index - UNSHARED_LAYERS) % SHARING_LAYERS === 0;
    case "finely-compressed-layers":
      return reader.array("attention.compress_ratios")?.[index] === FINE_COMPRESSION_TOKENS;
    case "sparse-layers":
      return index >= (reader.count("leading_dense_block_count") ?? 0);
  }
}

/** Source: src/llama-kv-cache-dsa.cpp:40-53, -msa.cpp:38-49 (its cache is no K-only one), llama-memory-hybrid-idx.cpp:49-67. */
export function indexerDims(
  rule: ArchitectureRule,
  reader: MetadataReader,
  index: number,
  valueDim: number,
): Pick<LayerFacts, "indexerKeyDim" | "indexerValueDim"> {
  const keyDim = reader.count("attention.indexer.key_length") ?? 0;
  if (keyDim === 0 || !hasIndexer(rule, reader, index)) return {};
  return rule.indexer === "sparse-layers"
    ? { indexerKeyDim: keyDim, indexerValueDim: valueDim }
    : { indexerKeyDim: keyDim };
}
