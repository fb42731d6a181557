/** `probe_hardware`: this machine. */
import { InputError } from "../core/facts/input-error.ts";
import { probeSummary, shapeProbe } from "../core/present/probe.ts";
import { probe } from "../core/sources/probe/probe.ts";
import type { AnswerContext, Optional } from "./gather.ts";

export interface ProbeArguments {
  readonly refresh: boolean;
  readonly measure: boolean;
  readonly detail: "concise" | "detailed";
}

export async function probeAnswer(args: Optional<ProbeArguments>, context: AnswerContext) {
  if (args.measure)
    throw new InputError(
      "Measuring bandwidth and compute is not offered yet. Leave `measure` out: catalog values are used, and marked so.",
    );
  const result = await probe(context.world, context.signal);
  const shaped = shapeProbe(result, args.detail === "detailed");
  return { summary: probeSummary(result), ...shaped };
}
