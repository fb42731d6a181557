/** `probe_hardware`: this machine. */
import { InputError } from "../core/facts/input-error.ts";
import { probe } from "../core/sources/probe/probe.ts";
import { probeSummary, shapeProbe } from "../core/present/probe.ts";
import type { AnswerContext, Optional } from "./gather.ts";

export interface ProbeArguments {
  readonly refresh: boolean;
  readonly measure: boolean;
  readonly detail: "concise" | "detailed";
}

export async function probeAnswer(args: Optional<ProbeArguments>, context: AnswerContext) {
  if (args.measure && context.remote) throw new InputError("Measuring is not offered over the network. Leave `measure` out, or run the server on the machine itself.");
  const result = await probe(context.world);
  const shaped = shapeProbe(result, args.detail === "detailed");
  return { summary: probeSummary(result), ...shaped };
}
