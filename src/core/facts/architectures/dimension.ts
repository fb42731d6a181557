/** The widths and conditions that rows are made of, in the order of llama.cpp's load-time locals (llama-model.h:835, v0.5.0). */
import type { Condition, Dimension } from "./row.ts";
import { lookup, optionalNumber, requiredNumber, type Scope } from "./scope.ts";

export const one: Dimension = () => 1;
export const fixed =
  (value: number): Dimension =>
  () =>
    value;
export const key =
  (name: string): Dimension =>
  (scope) =>
    requiredNumber(scope, name);
export const keyOr =
  (name: string, fallback: Dimension): Dimension =>
  (scope) =>
    optionalNumber(scope, name) || fallback(scope);
export const times =
  (...factors: readonly Dimension[]): Dimension =>
  (scope) =>
    factors.reduce((product, factor) => product * factor(scope), 1);
export const plus =
  (...terms: readonly Dimension[]): Dimension =>
  (scope) =>
    terms.reduce((sum, term) => sum + term(scope), 0);
export const minus =
  (from: Dimension, less: Dimension): Dimension =>
  (scope) =>
    from(scope) - less(scope);
export const over =
  (whole: Dimension, part: Dimension): Dimension =>
  (scope) =>
    Math.floor(whole(scope) / part(scope));
export const twice = (width: Dimension): Dimension => times(fixed(2), width);
export const half = (width: Dimension): Dimension => over(width, fixed(2));

export const embedding: Dimension = ({ hyper }) => hyper.embeddingLength;
export const vocabulary: Dimension = ({ hyper }) => hyper.vocabularyCount;
export const trainedContext: Dimension = ({ hyper }) => hyper.trainedContextTokens;
export const tokenTypes: Dimension = key("tokenizer.ggml.token_type_count");

export const heads: Dimension = ({ layer }) => layer.headCount;
export const keyValueHeads: Dimension = ({ layer }) => layer.kvHeadCount;
export const headWidth: Dimension = ({ layer }) => layer.keyDim;
export const valueHeadWidth: Dimension = ({ layer }) => layer.valueDim;
/** the model's own counts, also in layers that do not attend */
export const modelHeads: Dimension = key("attention.head_count");
export const modelHeadWidth: Dimension = keyOr("attention.key_length", over(embedding, modelHeads));
export const queryWidth = times(heads, headWidth);
export const keyWidth = times(keyValueHeads, headWidth);
export const valueWidth = times(keyValueHeads, valueHeadWidth);
/** heads joined again, where the value heads have another width than the key heads */
export const joinedValueWidth = times(heads, valueHeadWidth);
export const queryKeyValueWidth = plus(queryWidth, keyWidth, valueWidth);
export const ropeWidth: Dimension = keyOr("rope.dimension_count", modelHeadWidth);
export const ropeFactorCount = half(ropeWidth);

export const feedForward: Dimension = key("feed_forward_length");
export const experts: Dimension = key("expert_count");
export const usedExperts: Dimension = key("expert_used_count");
export const sharedExperts: Dimension = keyOr("expert_shared_count", fixed(0));
export const expertFeedForward: Dimension = key("expert_feed_forward_length");
/** where the key is newer than the architecture's first files */
export const expertFeedForwardOrShare: Dimension = keyOr("expert_feed_forward_length", over(feedForward, usedExperts));
export const expertFeedForwardOrWhole: Dimension = keyOr("expert_feed_forward_length", feedForward);
export const sharedFeedForward: Dimension = key("expert_shared_feed_forward_length");

export const inTrunk: Condition = ({ layer }) => !layer.nextn;
export const isNextn: Condition = ({ layer }) => layer.nextn;
export const isRecurrent: Condition = ({ layer }) => layer.recurrent;
export const isFirst: Condition = ({ layer }) => layer.index === 0;
export const hasExperts: Condition = (scope) => (optionalNumber(scope, "expert_count") ?? 0) > 0;
export const pastLeadingDense: Condition = (scope) =>
  hasExperts(scope) && scope.layer.index >= (optionalNumber(scope, "leading_dense_block_count") ?? 0);
export const has =
  (name: string): Condition =>
  (scope) =>
    (optionalNumber(scope, name) ?? 0) > 0;

/** a reranker names what its head puts out (`classifier.output_labels`) */
export const classifierOutputs: Dimension = (scope) => {
  const labels = lookup(scope, "classifier.output_labels");
  return scope.options.classifierOutputs ?? (Array.isArray(labels) ? labels.length : 0);
};
export const classifies: Condition = (scope) => classifierOutputs(scope) > 0;

type Flag = {
  [K in keyof Scope["options"]]-?: Required<Scope["options"]>[K] extends boolean ? K : never;
}[keyof Scope["options"]];
/** an option that is on, by the caller or by the architecture's default */
export const chosen =
  (flag: Flag): Condition =>
  ({ options }) =>
    options[flag] ?? false;
/** `expert_gating_func` 2 is a sigmoid: those routers were trained with a selection bias */
export const hasRouterBias: Condition = (scope) =>
  scope.options.routerBias ?? optionalNumber(scope, "expert_gating_func") === 2;
