/** Mixture of experts: how many, how wide, and in which layers. */
import type { ArchitectureRule, MoeRule } from "./architecture-rules.ts";
import { MAX_EXPERTS, type MetadataReader } from "./metadata-reader.ts";
import type { ExpertFacts } from "./model.ts";
import type { TensorWidths } from "./tensor-widths.ts";

/**
 * Undefined for models without experts. Widths come from the tensors when these are known, else from the keys,
 * else from the rule (llama.cpp v0.5.0 src/models/*.cpp `n_ff_exp`). A width that differs between layers gives its maximum.
 */
export function readExperts(
  rule: ArchitectureRule,
  reader: MetadataReader,
  layerCount: number,
  feedForward: readonly number[],
  widths: TensorWidths | undefined,
): ExpertFacts | undefined {
  const total = reader.count("expert_count", MAX_EXPERTS) ?? 0;
  const used = Math.max(0, ...(reader.perLayer("expert_used_count", layerCount, total) ?? []));
  if (total === 0 || used === 0 || (total === 1 && rule.singleExpertIsDense)) return undefined;

  const widestFfn = Math.max(0, ...feedForward);
  const keyWidth = Math.max(0, ...(reader.perLayer("expert_feed_forward_length", layerCount) ?? []));
  const ruleWidth = rule.expertWidth === "ffn-over-used" ? Math.floor(widestFfn / used) : widestFfn;
  const feedForwardLength = widths?.expert() ?? (keyWidth > 0 ? keyWidth : ruleWidth);

  const sharedKey = reader.count("expert_shared_feed_forward_length") ?? 0;
  const shared = reader.count("expert_shared_count", MAX_EXPERTS) ?? rule.sharedExperts ?? (sharedKey > 0 ? 1 : 0);
  const sharedWidth =
    sharedKey > 0 && !rule.sharedWidthIsPerExpert ? sharedKey : shared * (sharedKey || feedForwardLength);
  const sharedFeedForwardLength = widths ? (widths.sharedExpert() ?? 0) : sharedWidth;
  return {
    total,
    used,
    shared: sharedFeedForwardLength > 0 ? Math.max(1, shared) : 0,
    feedForwardLength,
    sharedFeedForwardLength,
  };
}

interface LayerPlace {
  readonly index: number;
  readonly mainLayerCount: number;
  readonly feedForward: number;
}

function byRule(rule: MoeRule, reader: MetadataReader, { index, mainLayerCount, feedForward }: LayerPlace): boolean {
  switch (rule) {
    case "all":
      return true;
    case "interleaved-step": {
      const step = reader.count("interleave_moe_layer_step") ?? 0;
      return step > 0 && (index + 1) % step === 0;
    }
    case "every-n": {
      const step = reader.count("moe_every_n_layers") ?? 0;
      return step > 0 && index % step === 1 % step;
    }
    // the period and offset of the published Jamba models (expert_layer_period 2, expert_layer_offset 1); GGUF does not carry them
    case "odd":
      return index % 2 === 1;
    case "with-ffn":
      return index >= mainLayerCount || feedForward > 0;
    case "main-layers":
      return index < mainLayerCount;
  }
}

/** Whether layer `index` of a model with experts has any. */
export function hasExperts(
  rule: ArchitectureRule,
  reader: MetadataReader,
  place: LayerPlace,
  widths: TensorWidths | undefined,
): boolean {
  if (widths) return widths.hasExperts(place.index);
  if (place.index < (reader.count("leading_dense_block_count") ?? 0)) return false;
  return byRule(rule.moe ?? "all", reader, place);
}
