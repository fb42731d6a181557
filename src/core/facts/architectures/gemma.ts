/** Gemma 3n and 4: per-layer embeddings, two attention widths, experts beside the dense network (llama.cpp v0.5.0). */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { expertNetworks, gatedFeedForward } from "./feed-forward.ts";
import { type Architecture, type Block, blocks, type Condition, type Dimension, not, only, row } from "./row.ts";

/** llama.cpp has 256, four inputs and a rank of 64 built in for Gemma 3n (src/models/gemma3n.cpp, llama-hparams.h) */
const perLayer: Dimension = d.keyOr("embedding_length_per_layer_input", d.fixed(256));
const hasPerLayer: Condition = d.has("embedding_length_per_layer_input");
const allLayers: Dimension = d.times(perLayer, ({ hyper }) => hyper.layerCount);
const perLayerEnds: Block = [
  ...a.linear("per_layer_token_embd", allLayers, d.vocabulary),
  ...a.linear("per_layer_model_proj", d.embedding, allLayers),
  ...a.norm("per_layer_proj_norm", perLayer),
];
const perLayerInput: Block = [
  ...a.linear("inp_gate", d.embedding, perLayer),
  ...a.linear("proj", perLayer, d.embedding),
  ...a.norm("post_norm"),
];
const layer: Block = [
  ...a.norm("post_attention_norm"),
  ...a.norm("ffn_norm"),
  ...gatedFeedForward(),
  ...a.norm("post_ffw_norm"),
];

const inputs: Dimension = d.keyOr("altup.num_inputs", d.fixed(4));
const rank: Dimension = d.fixed(64);
const furtherInputs: Dimension = d.minus(inputs, d.one);

const isFull: Condition = (scope) => scope.layer.window === "none";
/** full-attention layers use their keys as values, but not in the models with per-layer embeddings */
const keyIsValue: Condition = (scope) => isFull(scope) && (scope.options.valueFromKey ?? !hasPerLayer(scope));
const fullRopeFactors: Block = [row("rope_freqs.weight", [d.half(d.key("attention.key_length"))])];

export const gemmas: Readonly<Record<string, Architecture>> = {
  gemma3n: blocks(
    [
      ...a.ends,
      ...perLayerEnds,
      row("altup_proj.weight", [d.embedding, d.embedding, furtherInputs]),
      row("altup_unembd_proj.weight", [d.embedding, d.embedding, furtherInputs]),
    ],
    [
      ...a.norm("attn_norm"),
      ...a.attention,
      ...a.headNorms,
      ...layer,
      ...perLayerInput,
      row("altup_correct_coef.weight", [inputs, inputs]),
      ...a.norm("altup_correct_scale"),
      row("altup_predict_coef.weight", [inputs, d.times(inputs, inputs)]),
      ...a.linear("altup_router", d.embedding, inputs),
      ...a.norm("altup_router_norm"),
      ...a.linear("laurel_l", d.embedding, rank),
      ...a.linear("laurel_r", rank, d.embedding),
      ...a.norm("laurel_post_norm"),
    ],
    { tiedEmbeddings: true },
  ),
  gemma4: blocks(
    [...a.ends, ...only(hasPerLayer, perLayerEnds), ...fullRopeFactors],
    [
      ...a.norm("attn_norm"),
      ...a.linear("attn_q", d.embedding, d.queryWidth),
      ...a.linear("attn_k", d.embedding, d.keyWidth),
      ...only(not(keyIsValue), a.linear("attn_v", d.embedding, d.valueWidth)),
      ...a.linear("attn_output", d.queryWidth, d.embedding),
      ...a.headNorms,
      row("layer_output_scale.weight", [d.one]),
      ...layer,
      ...only(d.hasExperts, [
        ...a.linear("ffn_gate_inp", d.embedding, d.experts),
        row("ffn_gate_inp.scale", [d.embedding]),
        ...a.norm("pre_ffw_norm_2"),
        ...a.norm("post_ffw_norm_1"),
        ...a.norm("post_ffw_norm_2"),
        ...expertNetworks(d.expertFeedForward),
        row("ffn_down_exps.scale", [d.experts]),
      ]),
      ...only(hasPerLayer, perLayerInput),
    ],
    { tiedEmbeddings: true, fusedExpertGateUp: true },
  ),
};
