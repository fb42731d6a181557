/**
 * The five answers as plain functions, without MCP: arguments in, the structured result of the contract out.
 * Arguments may be left out or null. What the caller can fix is thrown as `InputError`.
 *
 *   const answer = await fit({ model: "qwen3-8b:Q4_K_M", hardware: "rtx-4090, ram=64GiB" }, { world: realWorld(process.env) });
 */
import type { FitArguments } from "./answers/fit.ts";
import type { FrontierArguments } from "./answers/frontier.ts";
import type { AnswerContext, Optional } from "./answers/gather.ts";
import type { PlanArguments } from "./answers/plan.ts";
import type { ProbeArguments } from "./answers/probe.ts";
import type { RankArguments } from "./answers/rank.ts";

export type { AnswerContext } from "./answers/gather.ts";
export { InputError } from "./core/facts/input-error.ts";
export { realWorld, type World } from "./core/sources/world.ts";

/** This machine: host, devices, disks, runtimes, installed models. */
export async function probe(args: Optional<ProbeArguments>, context: AnswerContext) {
  const { probeAnswer } = await import("./answers/probe.ts");
  return probeAnswer(args, context);
}

/** One model on one machine. */
export async function fit(args: Optional<FitArguments> & { readonly model: string }, context: AnswerContext) {
  const { fitAnswer } = await import("./answers/fit.ts");
  return fitAnswer(args.model, args, context);
}

/** The catalog on one machine, best first. */
export async function rank(args: Optional<RankArguments>, context: AnswerContext) {
  const { rankAnswer } = await import("./answers/rank.ts");
  return rankAnswer(args, context);
}

/** The configuration of one model to launch, with commands. */
export async function plan(args: Optional<PlanArguments> & { readonly model: string }, context: AnswerContext) {
  const { planAnswer } = await import("./answers/plan.ts");
  return planAnswer(args.model, args, context);
}

/** The trade-offs that are worth making. */
export async function frontier(args: Optional<FrontierArguments>, context: AnswerContext) {
  const { frontierAnswer } = await import("./answers/frontier.ts");
  return frontierAnswer(args, context);
}
