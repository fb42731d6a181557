/**
 * llama.cpp's quantization recipes as rows: the type of most tensors, and of the roles that get another.
 * A choice is a type, or a function of where the tensor stands that gives a type, or undefined for the row's own.
 * Source: llama.cpp v0.5.0 src/llama-quant.cpp:430-700 (choices), 840-890 (`llama_ftype_get_default_type`).
 * Checked against llama-quantize on every row of test/truth/weights.jsonl and test/truth/recipes.jsonl.
 */
import type { TensorType } from "./tensor-type.ts";

/** Where a tensor stands among those of its role, and what its model is like. */
export interface Place {
  /** position among the tensors of its role (V), or layer (FFN), and how many there are */
  readonly index: number;
  readonly count: number;
  /** tensors of its role seen before it: differs from `index` where a layer has several (experts, shared expert) */
  readonly seen: number;
  /** query heads that share one K/V head in layer 0 */
  readonly groupSize: number;
  readonly expertCount: number;
  readonly imatrix: boolean;
}

export type Choice = TensorType | ((place: Place) => TensorType | undefined);

/** Models of exactly eight experts (Mixtral) get better attention: it is small beside their experts. */
interface EightExperts {
  readonly key?: TensorType;
  readonly value?: TensorType;
  readonly attentionOutput?: TensorType;
}

export interface RecipeRow {
  readonly base: TensorType;
  /** token embeddings when the model has an output matrix of its own */
  readonly embedding?: TensorType;
  /** output matrix, or the embeddings that stand for it */
  readonly output: TensorType;
  readonly value?: Choice;
  readonly key?: Choice;
  readonly query?: Choice;
  readonly attentionOutput?: Choice;
  readonly down?: Choice;
  readonly gateUp?: Choice;
  readonly eightExperts: EightExperts;
  /** V of the 70B shape is raised from q3_K and q4_K to q5_K */
  readonly raisesLargeValue?: boolean;
  /** type of the experts, where it is not that of the other matrices */
  readonly experts?: TensorType;
}

const eighth = (count: number) => Math.floor(count / 8);
const inFirstEighth = ({ index, count }: Place) => index < eighth(count);
const inFirstSixteenth = ({ index, count }: Place) => index < Math.floor(count / 16);
/** First and last eighth of the layers, and every third between (`use_more_bits`). */
const isSensitive = ({ index, count }: Place) =>
  index < eighth(count) || index >= Math.floor((7 * count) / 8) || (index - eighth(count)) % 3 === 2;
const isInner = ({ index, count }: Place) => index >= eighth(count) && index < Math.floor((7 * count) / 8);

const when =
  (condition: (place: Place) => boolean, then: TensorType, otherwise?: TensorType): Choice =>
  (place) =>
    condition(place) ? then : otherwise;
/** With four query heads or more to a K/V head, V is small and worth more bits. */
const whenGrouped = (then: TensorType, otherwise?: TensorType) =>
  when(({ groupSize }) => groupSize >= 4, then, otherwise);
const withoutImatrix =
  (choice: (place: Place) => TensorType | undefined): Choice =>
  (place) =>
    place.imatrix ? undefined : choice(place);

const plainExperts: EightExperts = { key: "q8_0", value: "q8_0" };
const mixedExperts: EightExperts = { ...plainExperts, attentionOutput: "q5_K" };

const plain = (base: TensorType, extra: Partial<RecipeRow> = {}): RecipeRow => ({
  base,
  output: base === "q8_0" ? "q8_0" : "q6_K",
  eightExperts: plainExperts,
  raisesLargeValue: true,
  ...extra,
});
const mixed = (base: TensorType, extra: Partial<RecipeRow>): RecipeRow =>
  plain(base, { eightExperts: mixedExperts, ...extra });

/** Below three bits: `small` is what the sensitive tensors get instead. */
const tiny = (base: TensorType, small: TensorType, attentionOutput?: TensorType): RecipeRow => ({
  base,
  output: "q5_K",
  embedding: small,
  value: ({ groupSize, expertCount }) => (groupSize >= 4 || expertCount >= 4 ? "q4_K" : small),
  // by tensors, not by layers: leading shared experts use the first eighth up sooner
  down: when(({ seen, count }) => seen < eighth(count), small),
  ...(attentionOutput ? { attentionOutput } : {}),
  eightExperts: { key: "q4_K", attentionOutput: "q5_K" },
});

/** With an importance matrix the first FFN layers need the offset of the _1 types. */
const guardedDown = (type: TensorType): Choice => when((place) => place.imatrix && inFirstEighth(place), type);
const ternary = { embedding: "q4_K" } as const;

export const recipeRows = {
  Q8_0: plain("q8_0"),
  Q6_K: plain("q6_K"),
  Q5_K_M: plain("q5_K", { value: when(isSensitive, "q6_K"), down: when(isSensitive, "q6_K") }),
  Q5_K_S: plain("q5_K"),
  Q5_1: plain("q5_1"),
  Q5_0: plain("q5_0", { down: guardedDown("q5_1") }),
  Q4_K_M: mixed("q4_K", { value: when(isSensitive, "q6_K"), down: when(isSensitive, "q6_K") }),
  Q4_K_S: mixed("q4_K", { value: when(({ index }) => index < 4, "q5_K"), down: when(inFirstEighth, "q5_K") }),
  Q4_1: plain("q4_1"),
  Q4_0: plain("q4_0", { down: guardedDown("q4_1") }),
  Q3_K_L: plain("q3_K", {
    value: "q5_K",
    attentionOutput: "q5_K",
    down: "q5_K",
    eightExperts: { ...plainExperts, attentionOutput: "q3_K" },
  }),
  Q3_K_M: mixed("q3_K", {
    value: when(({ index }) => index < 2, "q5_K", "q4_K"),
    attentionOutput: "q4_K",
    down: when(inFirstSixteenth, "q5_K", "q4_K"),
  }),
  Q3_K_S: mixed("q3_K", {}),
  Q2_K: mixed("q2_K", { value: whenGrouped("q4_K", "q3_K"), attentionOutput: "q3_K", down: "q3_K" }),
  Q2_K_S: plain("q2_K", { value: whenGrouped("q4_K"), down: when(inFirstEighth, "q4_K") }),
  IQ4_XS: mixed("iq4_xs", {
    value: whenGrouped("q5_K"),
    down: withoutImatrix((place) => (inFirstEighth(place) ? "q5_K" : undefined)),
  }),
  IQ4_NL: mixed("iq4_nl", {
    value: whenGrouped("q5_K"),
    down: withoutImatrix((place) => (inFirstEighth(place) ? "q5_K" : undefined)),
  }),
  IQ3_M: mixed("iq3_s", {
    value: "q4_K",
    attentionOutput: "q4_K",
    down: when((place) => inFirstEighth(place) || (place.expertCount === 8 && isSensitive(place)), "q4_K"),
  }),
  IQ3_S: mixed("iq3_s", { value: whenGrouped("q4_K") }),
  IQ3_XS: mixed("iq3_s", {
    value: whenGrouped("q4_K"),
    key: "iq3_xxs",
    query: "iq3_xxs",
    gateUp: when(isInner, "iq3_xxs"),
  }),
  IQ3_XXS: mixed("iq3_xxs", {
    output: "q5_K",
    embedding: "iq3_s",
    value: ({ groupSize, imatrix }) => (groupSize >= 4 ? "q4_K" : imatrix ? "iq3_xxs" : "iq3_s"),
    key: "iq2_s",
    query: "iq2_s",
    attentionOutput: "iq3_s",
    down: withoutImatrix((place) => (inFirstEighth(place) ? "q4_K" : "q3_K")),
  }),
  IQ2_M: tiny("iq2_s", "iq3_s", "iq3_s"),
  IQ2_S: tiny("iq2_xs", "iq3_s", "iq3_s"),
  IQ2_XS: tiny("iq2_xs", "q2_K"),
  IQ2_XXS: tiny("iq2_xxs", "q2_K"),
  IQ1_M: tiny("iq1_m", "q2_K", "iq2_xxs"),
  IQ1_S: tiny("iq1_s", "q2_K", "iq2_xxs"),
  TQ2_0: plain("tq2_0", ternary),
  TQ1_0: plain("tq1_0", ternary),
  MXFP4_MOE: { base: "q8_0", output: "q8_0", eightExperts: {}, experts: "mxfp4" },
} as const satisfies Record<string, RecipeRow>;

/** Falcon shares one K/V head among all and keeps its attention output plain; its FFN counts for more. Every output is q8_0. */
export const falconRows: Readonly<Partial<Record<keyof typeof recipeRows, Partial<RecipeRow>>>> = {
  Q4_K_M: { down: (place) => (inFirstSixteenth(place) ? "q6_K" : isSensitive(place) ? "q5_K" : "q4_K") },
  Q4_K_S: { down: "q4_K" },
  Q3_K_L: { attentionOutput: "q4_K", down: "q4_K" },
  Q3_K_M: {
    attentionOutput: "q3_K",
    down: (place) => (inFirstSixteenth(place) ? "q5_K" : isSensitive(place) ? "q4_K" : "q3_K"),
  },
  Q2_K: { attentionOutput: "q2_K" },
  IQ3_M: { attentionOutput: "iq3_s" },
  IQ3_XXS: { attentionOutput: "iq3_xxs" },
};

/** Shapes that llama.cpp takes for its 70B (`LLM_TYPE_70B` in src/models/{llama,deci,jais2,olmo,qwen2}.cpp). */
export const largeShapes: Readonly<
  Record<string, { readonly layerCount: number; readonly groupedHeadsOnly?: true; readonly notWithExperts?: number }>
> = {
  // Llama's 65B has as many layers, but no shared K/V heads
  llama: { layerCount: 80, groupedHeadsOnly: true, notWithExperts: 8 },
  deci: { layerCount: 80 },
  jais2: { layerCount: 68 },
  olmo: { layerCount: 80 },
  qwen2: { layerCount: 80 },
};

/** Three-dimensional matrices are experts, but these architectures store latent projections so too. */
export const threeDimensionalLatents: readonly string[] = ["bailingmoe3"];
