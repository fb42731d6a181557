/**
 * A stand-in for architectures whose graph is not known: a plain transformer of the same widths, dense or a mixture as the
 * facts say, over tensors made up from those facts. What it gives is enlarged by `MARGIN_FACTOR` and called assumed.
 */
import type { Hyperparameters, LayerFacts } from "../../facts/model.ts";
import type { Tensor } from "../../facts/tensor.ts";
import type { Bytes } from "../../units.ts";
import type { GraphBuilder } from "./models/index.ts";
import { type TransformerRow, transformer } from "./transformer.ts";

/** With it the stand-in, put in the place of every known graph, falls short of 44 of the 2,889 measured figures; all belong to recurrent and hybrid models. */
export const MARGIN_FACTOR = 1.25;

const row: TransformerRow = { mixture: () => ({ gating: "softmax", normalized: true, scaled: true }) };
const withCache = transformer(row);
const withoutCache = transformer({ ...row, cacheless: true });

export const kinGraph: GraphBuilder = (build) => (build.hyper.hasCache ? withCache : withoutCache)(build);

/** Layers that mix tokens without attention are given attention of heads as wide as is usual. */
const USUAL_HEAD_WIDTH = 128;

export function kinHyperparameters(hyper: Hyperparameters): Hyperparameters {
  const layers = hyper.layers.map((layer): LayerFacts => {
    if (layer.headCount > 0 && layer.kvHeadCount > 0 && layer.keyDim > 0 && layer.valueDim > 0) return layer;
    const keyDim = layer.keyDim > 0 ? layer.keyDim : USUAL_HEAD_WIDTH;
    return {
      ...layer,
      attention: true,
      headCount: layer.headCount > 0 ? layer.headCount : Math.ceil(hyper.embeddingLength / USUAL_HEAD_WIDTH),
      kvHeadCount: Math.max(1, layer.kvHeadCount),
      keyDim,
      valueDim: layer.valueDim > 0 ? layer.valueDim : keyDim,
    };
  });
  return { ...hyper, layers };
}

/** The tensors that `kinGraph` reads. */
export function kinTensors(hyper: Hyperparameters): Tensor[] {
  const width = hyper.embeddingLength;
  const tensors: Tensor[] = [
    { name: "token_embd.weight", shape: [width, hyper.vocabularyCount], type: "f16" },
    { name: "output.weight", shape: [width, hyper.vocabularyCount], type: "f16" },
    { name: "output_norm.weight", shape: [width], type: "f32" },
  ];
  for (const layer of hyper.layers) tensors.push(...layerTensors(hyper, layer));
  return tensors;
}

function layerTensors(hyper: Hyperparameters, layer: LayerFacts): Tensor[] {
  const width = hyper.embeddingLength;
  const { headCount, kvHeadCount, keyDim, valueDim } = layer;
  const matrix = (name: string, ...shape: number[]): Tensor => ({
    name: `blk.${layer.index}.${name}.weight`,
    shape,
    type: "f16",
  });
  const attention = [
    matrix("attn_norm", width),
    matrix("attn_q", width, keyDim * headCount),
    matrix("attn_k", width, keyDim * kvHeadCount),
    matrix("attn_v", width, valueDim * kvHeadCount),
    matrix("attn_output", valueDim * headCount, width),
    matrix("ffn_norm", width),
  ];
  return [
    ...attention,
    ...(layer.moe && hyper.experts
      ? expertTensors(hyper, matrix)
      : denseTensors(width, innerWidth(hyper, layer), matrix)),
  ];
}

/** Recurrent layers widen the hidden state about this much, where they have no feed-forward block. */
const RECURRENT_WIDENING = 4;

function innerWidth(hyper: Hyperparameters, layer: LayerFacts): number {
  return Math.max(1, layer.feedForwardLength, layer.recurrent ? RECURRENT_WIDENING * hyper.embeddingLength : 0);
}

type MakeMatrix = (name: string, ...shape: number[]) => Tensor;

function denseTensors(width: number, inner: number, matrix: MakeMatrix): Tensor[] {
  return [matrix("ffn_gate", width, inner), matrix("ffn_up", width, inner), matrix("ffn_down", inner, width)];
}

function expertTensors({ embeddingLength: width, experts }: Hyperparameters, matrix: MakeMatrix): Tensor[] {
  if (!experts) return [];
  const { total, feedForwardLength: inner, sharedFeedForwardLength: sharedInner } = experts;
  const shared =
    sharedInner > 0
      ? [
          matrix("ffn_gate_shexp", width, sharedInner),
          matrix("ffn_up_shexp", width, sharedInner),
          matrix("ffn_down_shexp", sharedInner, width),
        ]
      : [];
  return [
    matrix("ffn_gate_inp", width, total),
    matrix("ffn_gate_exps", width, inner, total),
    matrix("ffn_up_exps", width, inner, total),
    matrix("ffn_down_exps", inner, width, total),
    ...shared,
  ];
}

export function enlarged(bytes: Bytes): Bytes {
  return Math.ceil(bytes * MARGIN_FACTOR);
}
