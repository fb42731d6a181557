/** Layer norms with bias and mostly plain feed-forward networks: GPT-2 to StableLM. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { gatedFeedForward, plainFeedForward } from "./feed-forward.ts";
import { biasNormed } from "./layer.ts";
import { type Architecture, type Block, blocks, type Condition, only, row } from "./row.ts";
import { lookup } from "./scope.ts";

const gpt: Block = biasNormed(a.attention, plainFeedForward());
const positions: Block = a.linear("position_embd", d.embedding, d.trainedContext);
const biased = { attentionBias: true, attentionOutputBias: true, feedForwardBias: true } as const;
const fusedTied = { fusedQueryKeyValue: true, tiedEmbeddings: true } as const;

/** `attn_norm_2` is there in the models with grouped heads */
const hasSecondNorm: Condition = (scope) => scope.options.secondNorm ?? scope.layer.kvHeadCount > 1;
const isSequential: Condition = (scope) => scope.options.secondNorm ?? lookup(scope, "use_parallel_residual") !== true;
const normBias = (name: string): Block => [...a.norm(name), row(`${name}.bias`, [d.embedding], d.chosen("normBias"))];

export const classics: Readonly<Record<string, Architecture>> = {
  gpt2: blocks([...a.biasedEnds, ...positions], gpt, { ...biased, ...fusedTied }),
  starcoder: blocks([...a.biasedEnds, ...positions], gpt, { ...biased, ...fusedTied }),
  phi2: blocks(
    [...a.biasedEnds, row("output.bias", [d.vocabulary])],
    [...a.biasedNorm("attn_norm"), ...a.attention, ...plainFeedForward()],
    biased,
  ),
  gptneox: blocks(a.biasedEnds, gpt, { ...biased, fusedQueryKeyValue: true }),
  starcoder2: blocks(a.biasedEnds, gpt, { ...biased, tiedEmbeddings: true }),
  codeshell: blocks(a.biasedEnds, gpt, biased),
  jais2: blocks(a.biasedEnds, gpt, biased),
  bloom: blocks([...a.biasedEnds, ...a.biasedNorm("token_embd_norm")], gpt, { ...biased, ...fusedTied }),
  jais: blocks(a.biasedEnds, biasNormed(a.attention, gatedFeedForward()), { ...biased, fusedQueryKeyValue: true }),
  nemotron: blocks(a.biasedEnds, gpt),
  orion: blocks(a.biasedEnds, biasNormed(a.attention, gatedFeedForward())),
  stablelm: blocks(a.biasedEnds, [
    ...a.biasedNorm("attn_norm"),
    ...a.attention,
    ...only(d.chosen("queryKeyNorm"), a.perHeadNorms),
    ...only(isSequential, a.biasedNorm("ffn_norm")),
    ...gatedFeedForward(),
  ]),
  falcon: blocks(
    a.biasedEnds,
    [
      ...a.biasedNorm("attn_norm"),
      ...only(hasSecondNorm, a.biasedNorm("attn_norm_2")),
      ...a.attention,
      ...plainFeedForward(),
    ],
    fusedTied,
  ),
  mpt: blocks(
    [...a.tokenEmbedding, ...only(d.chosen("positionEmbedding"), positions), ...normBias("output_norm"), ...a.head],
    [
      ...normBias("attn_norm"),
      ...a.attention,
      ...normBias("ffn_norm"),
      ...plainFeedForward(),
      ...only(d.chosen("queryKeyNorm"), [...normBias("attn_q_norm"), ...normBias("attn_k_norm")]),
    ],
    fusedTied,
  ),
};
