/**
 * A storage type for every tensor: the least expected divergence within a budget of bytes, by the exact knapsack. Tensors are grouped by part
 * and by slice of the stack, so that a mix is a few dozen rules and not a thousand. Losses add up over tensors, each its share of the weights ×
 * its sensitivity × what its type costs a whole model of this size; normalized so that one type everywhere costs what pure files were measured to.
 */
import { divergenceAtBits, sizesOf } from "../estimate/quality.ts";
import type { QualityConstants } from "../facts/ability.ts";
import type { Model } from "../facts/model.ts";
import { bitsOf, type LossPriors, sensitivityOf, tensorStem, typeFactor } from "../facts/sensitivity.ts";
import { layerOf, type Tensor, weightCount } from "../facts/tensor.ts";
import { isQuantizable } from "../facts/tensor-role.ts";
import { shapeBytes, type TensorType, tensorTypes } from "../facts/tensor-type.ts";
import type { Bytes } from "../units.ts";
import { type KnapsackOption, lossLowerBound, solveKnapsack } from "./knapsack.ts";

/** What llama-quantize writes and every backend computes, finest first. Old 4- and 5-bit types only where a row is too narrow for the others. */
const wideTypes: readonly TensorType[] = [
  "q8_0",
  "q6_K",
  "q5_K",
  "q4_K",
  "iq4_xs",
  "q3_K",
  "iq3_xxs",
  "q2_K",
  "iq2_xs",
  "iq2_xxs",
  "iq1_m",
];
const narrowTypes: readonly TensorType[] = ["q8_0", "q5_1", "q5_0", "iq4_nl"];

/** llama-quantize refuses these without an importance matrix (llama.cpp v0.5.0 src/llama-quant.cpp:822). */
const needsImatrix = new Set<TensorType>(["iq3_xxs", "iq2_xxs", "iq2_xs", "iq2_s", "iq1_m", "iq1_s"]);

/** Groups in all: more slices of the stack than this allows gain nothing that the sensitivities know of. */
const GROUPS = 120;

export interface MixQuestion {
  /** the model in any recipe: its shapes count */
  readonly model: Model;
  /** all that is stored, the unquantized rest included */
  readonly budgetBytes: Bytes;
  /** no tensor below this, unless it has no such type */
  readonly leastBits: number;
  readonly imatrix: boolean;
}

export interface Knowledge {
  readonly quality: QualityConstants;
  readonly priors: LossPriors;
}

export type Mix =
  | {
      readonly outcome: "mixed";
      readonly model: Model;
      readonly klDivergenceNats: number;
      /** no mix within the budget has less */
      readonly leastKlDivergenceNats: number;
      readonly groupCount: number;
    }
  | { readonly outcome: "over-budget"; readonly leastBytes: Bytes };

interface Group {
  readonly tensors: Tensor[];
  readonly width: number;
  weights: number;
  sensitiveWeights: number;
}

interface Grouping {
  readonly groups: readonly Group[];
  readonly restBytes: Bytes;
  /** Σ weights × sensitivity over what is quantized */
  readonly totalSensitiveWeights: number;
}

const groupings = new WeakMap<readonly Tensor[], Grouping>();

/** Slices of the stack: the first and the last tenth apart, so that no slice straddles a change of sensitivity. */
function sliceOf(layer: number, layerCount: number, slices: number): number {
  const tenth = Math.ceil(layerCount / 10);
  if (layer < tenth) return 0;
  if (layer >= layerCount - tenth) return slices + 1;
  return 1 + Math.floor(((layer - tenth) * slices) / (layerCount - 2 * tenth));
}

function groupTensors(model: Model, priors: LossPriors): Grouping {
  const known = groupings.get(model.tensors);
  if (known) return known;
  const { hyper, tensors } = model;
  const { parameterCount } = sizesOf(model);
  const tied = !tensors.some(({ name }) => name === "output.weight");
  const stems = new Set(tensors.filter(isQuantizable).map(({ name }) => tensorStem(name)));
  const slices = Math.max(1, Math.floor(GROUPS / Math.max(1, stems.size)) - 2);
  const byKey = new Map<string, Group>();
  let restBytes = 0;
  let totalSensitiveWeights = 0;
  for (const tensor of tensors) {
    const layer = layerOf(tensor.name);
    if (!isQuantizable(tensor) || (layer !== undefined && hyper.layers[layer]?.nextn)) {
      restBytes += shapeBytes(tensor.type, tensor.shape);
      continue;
    }
    const width = tensor.shape[0] ?? 1;
    const slice = layer === undefined ? "" : sliceOf(layer, hyper.layerCount, slices);
    const key = `${tensorStem(tensor.name)} ${slice} ${width}`;
    const group = byKey.get(key) ?? { tensors: [], width, weights: 0, sensitiveWeights: 0 };
    byKey.set(key, group);
    const weights = weightCount(tensor);
    const place = {
      layer,
      layerCount: hyper.layerCount,
      mixture: hyper.experts !== undefined,
      parameterCount,
      tied,
    };
    const sensitive = weights * sensitivityOf(tensor.name, place, priors);
    group.tensors.push(tensor);
    group.weights += weights;
    group.sensitiveWeights += sensitive;
    totalSensitiveWeights += sensitive;
  }
  const grouping = { groups: [...byKey.values()], restBytes, totalSensitiveWeights };
  groupings.set(tensors, grouping);
  return grouping;
}

function typesFor(width: number, leastBits: number, imatrix: boolean): TensorType[] {
  const fits = (type: TensorType): boolean => width % tensorTypes[type].blockWeights === 0;
  const possible = (fits("q4_K") ? wideTypes : narrowTypes).filter((type) => fits(type));
  const allowed = possible.filter((type) => bitsOf(type) >= leastBits && (imatrix || !needsImatrix.has(type)));
  return allowed.length > 0 ? allowed : possible.length > 0 ? possible.slice(0, 1) : ["f16"];
}

/** What one type everywhere would cost this model, nats. Sixteen bits are the model itself. */
function pureDivergence(model: Model, type: TensorType, { quality, priors }: Knowledge): number {
  if (bitsOf(type) >= 16) return 0;
  const { parameterCount, activeParameterCount } = sizesOf(model);
  return divergenceAtBits(bitsOf(type), activeParameterCount, parameterCount, quality) * typeFactor(type, priors);
}

/** Expected divergence of a model as its tensors are stored, by the same sum that the mix minimizes. */
export function tensorDivergence(model: Model, knowledge: Knowledge): number {
  const { groups, totalSensitiveWeights } = groupTensors(model, knowledge.priors);
  const perType = new Map<TensorType, number>();
  let nats = 0;
  for (const { tensors, weights, sensitiveWeights } of groups)
    for (const tensor of tensors) {
      const pure = perType.get(tensor.type) ?? pureDivergence(model, tensor.type, knowledge);
      perType.set(tensor.type, pure);
      nats += ((sensitiveWeights / weights) * weightCount(tensor) * pure) / totalSensitiveWeights;
    }
  return nats;
}

/** The best mix within the budget, and how far the linear bound says it may be from the best. */
export function mixPrecision(question: MixQuestion, knowledge: Knowledge): Mix {
  const { model, budgetBytes, leastBits, imatrix } = question;
  const { groups, restBytes, totalSensitiveWeights } = groupTensors(model, knowledge.priors);
  const pure = new Map<TensorType, number>();
  const options = groups.map((group) =>
    typesFor(group.width, leastBits, imatrix).map((type): KnapsackOption & { readonly type: TensorType } => {
      const nats = pure.get(type) ?? pureDivergence(model, type, knowledge);
      pure.set(type, nats);
      return {
        type,
        costBytes: shapeBytes(type, [group.width, group.weights / group.width]),
        loss: (group.sensitiveWeights / totalSensitiveWeights) * nats,
      };
    }),
  );
  const solved = solveKnapsack(options, budgetBytes - restBytes);
  if (solved.outcome === "over-budget")
    return { outcome: "over-budget", leastBytes: solved.leastCostBytes + restBytes };
  const typeOf = new Map<string, TensorType>();
  groups.forEach(({ tensors }, group) => {
    const type = options[group]?.[solved.choices[group] ?? 0]?.type ?? "f16";
    for (const { name } of tensors) typeOf.set(name, type);
  });
  const tensors = model.tensors.map((tensor) => ({ ...tensor, type: typeOf.get(tensor.name) ?? tensor.type }));
  return {
    outcome: "mixed",
    model: {
      ...model,
      recipe: "mixed",
      tensors,
      fileBytes: tensors.reduce((sum, { type, shape }) => sum + shapeBytes(type, shape), 0),
      klDivergenceNats: solved.loss,
    },
    klDivergenceNats: solved.loss,
    leastKlDivergenceNats: lossLowerBound(options, budgetBytes - restBytes),
    groupCount: groups.length,
  };
}
