/** Models with latent attention. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import * as l from "./latent.ts";
import { normed } from "./layer.ts";
import { nextn } from "./nextn.ts";
import { type Architecture, type Block, blocks, both, type Condition, type Dimension, not, only, row } from "./row.ts";
import { lookup, optionalNumber, type Scope } from "./scope.ts";
import { fullRankConnection, outputConnection, streams } from "./streams.ts";

const deepMixture: Block = f.leadingDense([...f.mixture(), ...f.optionalRouterBias, ...f.sharedByCount]);
const deepseek2 = blocks(a.ends, [...normed(l.latentAttention, deepMixture), ...nextn], {
  nextnHead: true,
  nextnNorm: true,
});

/** latent keys and values that stay unabsorbed: MiniCPM3 and PLM read the plain head widths */
const plainKey: Dimension = d.minus(d.headWidth, d.ropeWidth);
const unabsorbed: Block = [
  ...a.linear("attn_kv_a_mqa", d.embedding, d.plus(l.keyValueRank, d.ropeWidth)),
  ...a.norm("attn_kv_a_norm", l.keyValueRank),
  ...a.linear("attn_kv_b", l.keyValueRank, d.times(d.heads, d.plus(plainKey, d.valueHeadWidth))),
  ...a.linear("attn_output", d.joinedValueWidth, d.embedding),
];

/** DeepSeek-V4: grouped output projection, compressed caches, hyper-connections instead of a residual stream */
const streamMix: Dimension = d.times(d.plus(d.fixed(2), streams), streams);
const outputGroups: Dimension = d.key("attention.output_group_count");
const outputRank: Dimension = d.key("attention.output_lora_rank");
const ratio = (scope: Scope): number => optionalNumber(scope, "attention.compress_ratios") ?? 0;
const isCompressed: Condition = (scope) => ratio(scope) > 0;
const isIndexed: Condition = (scope) => ratio(scope) === 4;
const compressedWidth: Dimension = (scope) => (isIndexed(scope) ? 2 : 1) * d.headWidth(scope);
const isHashed: Condition = (scope) => scope.layer.index < (optionalNumber(scope, "hash_layer_count") ?? 0);

const compressor = (name: string, width: Dimension, head: Dimension): Block => [
  ...a.linear(`${name}_kv`, d.embedding, width),
  ...a.linear(`${name}_gate`, d.embedding, width),
  row(`${name}_ape.weight`, [width, ratio]),
  ...a.norm(`${name}_norm`, head),
];

const deepseek4Attention: Block = [
  ...a.sinks,
  ...a.linear("attn_q_a", d.embedding, l.queryRank),
  ...a.norm("attn_q_a_norm", l.queryRank),
  ...a.linear("attn_q_b", l.queryRank, d.queryWidth),
  ...a.linear("attn_kv", d.embedding, d.headWidth),
  ...a.norm("attn_kv_a_norm", d.headWidth),
  ...a.linear("attn_output_a", d.over(d.queryWidth, outputGroups), d.times(outputRank, outputGroups)),
  ...a.linear("attn_output_b", d.times(outputGroups, outputRank), d.embedding),
  ...fullRankConnection("hc_attn", streamMix, 3),
  ...fullRankConnection("hc_ffn", streamMix, 3),
  ...only(isCompressed, compressor("attn_compressor", compressedWidth, d.headWidth)),
  ...only(isIndexed, [
    ...a.linear("indexer.proj", d.embedding, l.indexerHeads),
    ...a.linear("indexer.attn_q_b", l.queryRank, d.times(l.indexerHeads, l.indexerWidth)),
    ...compressor("indexer_compressor", d.twice(l.indexerWidth), l.indexerWidth),
  ]),
];

/** layers that pick their own tokens; the others reuse an earlier layer's pick */
const isFullIndexer: Condition = (scope) => {
  const types = lookup(scope, "attention.indexer.types");
  return Array.isArray(types) ? Boolean(types[scope.layer.index]) : true;
};

/** dots 3: sliding layers have latent widths of their own */
const isNarrow: Condition = ({ layer }) => layer.nextn || layer.window === "sliding";
const narrowOr =
  (narrow: string, wide: Dimension): Dimension =>
  (scope) =>
    isNarrow(scope) ? d.key(narrow)(scope) : wide(scope);
const dotsRank = narrowOr("attention.kv_lora_rank_swa", l.keyValueRank);
const dotsKey = narrowOr("attention.key_length_mla_swa", l.fullKey);
const dotsValue = narrowOr("attention.value_length_mla_swa", l.fullValue);

export const compressed: Readonly<Record<string, Architecture>> = {
  deepseek2,
  mistral4: deepseek2,
  deepseek32: blocks(a.ends, [...normed([...l.latentAttention, ...l.indexer], deepMixture), ...nextn], {
    nextnHead: true,
    nextnNorm: true,
  }),
  "glm-dsa": blocks(
    a.ends,
    [
      ...normed(
        [...l.latentAttention, ...only(isFullIndexer, l.indexer)],
        f.leadingDense([...f.mixture(), ...f.routerBias, ...f.sharedByCount]),
      ),
      ...nextn,
    ],
    { nextnNorm: true },
  ),
  deepseek4: blocks(
    [...a.ends, ...outputConnection],
    [
      ...normed(deepseek4Attention, [
        ...f.mixture(),
        row("ffn_gate_tid2eid.weight", [d.usedExperts, d.vocabulary], isHashed),
        ...only(not(isHashed), f.routerBias),
        ...f.sharedByCount,
      ]),
      ...nextn,
    ],
    { nextnNorm: true },
  ),
  hy_v4: blocks(
    [...a.ends, ...outputConnection],
    [
      ...normed(
        [
          ...a.sinks,
          ...l.latentAttention,
          ...a.linear("attn_gate", d.embedding, l.joinedLatentWidth),
          ...only(both(d.has("attention.indexer.top_k"), isFullIndexer), l.indexer),
          ...fullRankConnection("hc_attn", d.twice(streams), 2),
          ...fullRankConnection("hc_ffn", d.twice(streams), 2),
        ],
        deepMixture,
      ),
    ],
    { routerBias: true },
  ),
  minicpm3: blocks(
    [...a.ends, ...a.longRopeFactors],
    normed(
      [
        ...a.norm("attn_q_a_norm", l.queryRank),
        ...a.linear("attn_q_a", d.embedding, l.queryRank),
        ...a.linear("attn_q_b", l.queryRank, d.queryWidth),
        ...unabsorbed,
      ],
      f.gatedFeedForward(),
    ),
    { ropeFactors: true, tiedEmbeddings: true },
  ),
  plm: blocks(a.ends, normed([...a.linear("attn_q", d.embedding, d.queryWidth), ...unabsorbed], f.plainFeedForward()), {
    tiedEmbeddings: true,
  }),
  dots3note: blocks(
    a.ends,
    [
      ...normed(
        [
          ...a.norm("attn_q_a_norm", l.queryRank),
          ...a.norm("attn_kv_a_norm", dotsRank),
          ...a.norm("attn_k_norm", l.ropeKey),
          ...a.linear("attn_q_a", d.embedding, l.queryRank),
          ...a.linear("attn_q_b", l.queryRank, d.times(d.heads, dotsKey)),
          ...a.linear("attn_kv_a_mqa", d.embedding, d.plus(dotsRank, l.ropeKey)),
          row("attn_k_b.weight", [d.minus(dotsKey, l.ropeKey), dotsRank, d.heads]),
          row("attn_v_b.weight", [dotsRank, dotsValue, d.heads]),
          ...a.linear("attn_output", d.times(d.heads, dotsValue), d.embedding),
          ...a.headGate,
          ...only(both(d.inTrunk, isFullIndexer), l.indexer),
        ],
        [
          ...only(both(d.pastLeadingDense, d.inTrunk), [...f.mixture(), ...f.routerBias, ...f.sharedByCount]),
          ...only((scope) => !d.pastLeadingDense(scope) || d.isNextn(scope), f.gatedFeedForward()),
        ],
      ),
      ...nextn,
    ],
    { nextnNorm: true },
  ),
};
