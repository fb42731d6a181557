/**
 * Chameleon: Llama with normed heads, whose image tokens are struck from the logits; the larger files norm after each block.
 * Source: src/models/chameleon.cpp, llama.cpp v0.5.0.
 */
import type { Build } from "../builder.ts";
import * as g from "../ggml.ts";
import type { Node } from "../node.ts";
import { type TransformerRow, transformer } from "../transformer.ts";

/** Tokens 4 to 8195 stand for images (`img_token_start_idx`, `img_token_end_idx`). */
const IMAGE_TOKENS = 8192;

function textLogits(build: Build, hidden: Node): Node {
  const logits = g.mulMat(build.outputMatrix(), g.setOutput(build.weights.rmsNorm("output_norm", hidden)));
  return g.set(logits, g.clamp(g.newTensor("f32", IMAGE_TOKENS)));
}

const normedBefore: TransformerRow = { queryNorm: "head", queryNormKind: "layer", headless: textLogits };

const normedAfter: TransformerRow = {
  ...normedBefore,
  attentionNorm: undefined,
  postAttentionNorm: "attn_norm",
  feedForwardNorm: undefined,
  postFeedForwardNorm: "ffn_norm",
};

export const chameleonGraphs = {
  chameleon: (build: Build): void => transformer(build.key("swin_norm") === true ? normedAfter : normedBefore)(build),
};
