/** What a multi-token-prediction block has beside a layer's own tensors. */
import { linear, norm } from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, only } from "./row.ts";

const entrance: Block = [
  ...linear("nextn.eh_proj", d.twice(d.embedding), d.embedding),
  ...norm("nextn.enorm"),
  ...norm("nextn.hnorm"),
];

export const nextnEntrance: Block = only(d.isNextn, entrance);
export const nextn: Block = only(d.isNextn, [
  ...entrance,
  ...only(d.chosen("nextnHead"), [
    ...linear("nextn.embed_tokens", d.embedding, d.vocabulary),
    ...linear("nextn.shared_head_head", d.embedding, d.vocabulary),
  ]),
  ...only(d.chosen("nextnNorm"), norm("nextn.shared_head_norm")),
]);
