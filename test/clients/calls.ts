/** Real questions for every tool, on hardware that is named, so that any machine gives the same answers. */

export interface Call {
  readonly tool: string;
  readonly args: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

const workstation = "rtx-4090, ram=64GiB";

export const calls: readonly Call[] = [
  { tool: "probe_hardware", args: {} },
  { tool: "fit_model", args: { model: "qwen3-8b:Q4_K_M", hardware: workstation } },
  { tool: "fit_model", args: { model: "qwen3-8b:Q4_K_M", hardware: workstation, detail: "detailed" } },
  {
    tool: "fit_model",
    args: { model: "qwen3-30b-a3b:Q4_K_M", hardware: "rtx-3060-12gb, ram=64GiB", useCase: "coding" },
  },
  { tool: "fit_model", args: { model: "llama-3.1-70b-instruct:Q4_K_M", hardware: "cpu, ram=16GiB" } },
  { tool: "rank_models", args: { hardware: workstation, useCase: "coding", limit: 3 } },
  { tool: "rank_models", args: { hardware: "m3-max-64gb", requirements: "min 20 tok/s, apache-2.0", limit: 5 } },
  { tool: "plan_config", args: { model: "qwen3-8b", hardware: workstation } },
  { tool: "plan_config", args: { model: "qwen3-30b-a3b", hardware: "2x rtx-3090, ram=64GiB", objective: "context" } },
  { tool: "pareto_frontier", args: { model: "qwen3-8b", hardware: workstation, objectives: ["quality", "decode"] } },
  { tool: "pareto_frontier", args: { hardware: workstation, useCase: "general", chart: true, maxPoints: 8 } },
];
