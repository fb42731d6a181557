/** Layers that keep a state instead of a cache: Mamba, short convolution, gated delta net, Kimi delta attention. */
import { linear, norm } from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, both, type Condition, type Dimension, not, only, row } from "./row.ts";

/** prediction blocks attend, whatever the pattern of the trunk says */
export const keepsState: Condition = both(d.isRecurrent, d.inTrunk);
export const eitherLayer = (recurrent: Block, attention: Block): Block => [
  ...only(keepsState, recurrent),
  ...only(not(keepsState), attention),
];

export const convolution: Dimension = d.key("ssm.conv_kernel");
export const inner: Dimension = d.key("ssm.inner_size");
export const state: Dimension = d.key("ssm.state_size");
export const timeRank: Dimension = d.key("ssm.time_step_rank");
export const groups: Dimension = d.key("ssm.group_count");

export const mamba: Block = [
  ...linear("ssm_in", d.embedding, d.twice(inner)),
  row("ssm_conv1d.weight", [convolution, inner]),
  row("ssm_conv1d.bias", [inner]),
  ...linear("ssm_x", inner, d.plus(timeRank, d.twice(state))),
  ...linear("ssm_dt", timeRank, inner),
  row("ssm_dt.bias", [inner]),
  row("ssm_a", [state, inner]),
  row("ssm_d", [inner]),
  ...linear("ssm_out", inner, d.embedding),
];

/** Jamba's norms inside a Mamba layer */
export const mambaInnerNorms: Block = [
  ...norm("ssm_dt_norm", timeRank),
  ...norm("ssm_b_norm", state),
  ...norm("ssm_c_norm", state),
];

const convolved: Dimension = d.plus(inner, d.times(d.fixed(2), groups, state));

export const mamba2: Block = [
  ...linear("ssm_in", d.embedding, d.plus(inner, convolved, timeRank)),
  row("ssm_conv1d.weight", [convolution, convolved]),
  row("ssm_conv1d.bias", [convolved]),
  row("ssm_dt.bias", [timeRank]),
  row("ssm_a", [d.one, timeRank]),
  row("ssm_d", [d.one, timeRank]),
  ...linear("ssm_out", inner, d.embedding),
];
export const groupNorm: Block = [row("ssm_norm.weight", [d.over(inner, groups), groups])];

export const shortConvolution: Block = [
  row("shortconv.conv.weight", [d.key("shortconv.l_cache"), d.embedding]),
  ...linear("shortconv.in_proj", d.embedding, d.times(d.fixed(3), d.embedding)),
  ...linear("shortconv.out_proj", d.embedding, d.embedding),
];

/** Gated delta net: `ssm.group_count` key heads and `ssm.time_step_rank` value heads, all `ssm.state_size` wide. */
const deltaKey: Dimension = d.times(state, groups);
const deltaValue: Dimension = d.times(state, timeRank);
const deltaAll: Dimension = d.plus(d.twice(deltaKey), deltaValue);
const deltaNet = (gates: Block): Block => [
  ...linear("attn_qkv", d.embedding, deltaAll),
  ...linear("attn_gate", d.embedding, deltaValue),
  row("ssm_conv1d.weight", [convolution, deltaAll]),
  row("ssm_dt.bias", [timeRank]),
  row("ssm_a", [timeRank]),
  ...gates,
  ...norm("ssm_norm", state),
  ...linear("ssm_out", deltaValue, d.embedding),
];
export const gatedDeltaNet: Block = deltaNet([
  ...linear("ssm_beta", d.embedding, timeRank),
  ...linear("ssm_alpha", d.embedding, timeRank),
]);
/** Qwen3-Next keeps both gates in one matrix */
export const gatedDeltaNetFusedGates: Block = deltaNet(linear("ssm_ba", d.embedding, d.twice(timeRank)));

/** Kimi delta attention: as many heads as attention has, `kda.head_dim` wide. */
export const deltaHead: Dimension = d.key("kda.head_dim");
export const deltaInner: Dimension = d.times(d.modelHeads, deltaHead);
export const deltaConvolutions: Block = ["q", "k", "v"].map((part) =>
  row(`ssm_conv1d_${part}.weight`, [convolution, d.one, deltaInner]),
);
