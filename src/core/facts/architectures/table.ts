/** Every architecture whose tensors can be laid out without a file, by llama.cpp's name. */
import { classics } from "./classic.ts";
import { compressed } from "./compressed.ts";
import { deltas } from "./delta.ts";
import { dense } from "./dense.ts";
import { encoders } from "./encoder.ts";
import { gemmas } from "./gemma.ts";
import { hybrids } from "./hybrid.ts";
import { looped } from "./looped.ts";
import { mixtures } from "./mixture.ts";
import type { Architecture } from "./row.ts";

export const architectures: Readonly<Record<string, Architecture>> = {
  ...dense,
  ...classics,
  ...looped,
  ...gemmas,
  ...mixtures,
  ...compressed,
  ...hybrids,
  ...deltas,
  ...encoders,
};
