import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { cliPath } from "./program.ts";

function shell(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliPath, ...args], { encoding: "utf8", input: "" });
  return { status, stdout, stderr };
}
const workstation = ["--hardware", "rtx-4090, ram=64GiB"];

describe("the command line", () => {
  it("runs a tool with its arguments as options", () => {
    const { status, stdout } = shell(
      "fit-model",
      "qwen3-8b:Q4_K_M",
      ...workstation,
      "--use-case=coding",
      "--prompt-tokens",
      "2048",
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Qwen3-8B Q4_K_M fits/);
    expect(stdout).toMatch(/decodeTokensPerSecond: \d+ tok\/s \(\d+ to \d+\)/);
  });

  it("gives what a client gets with --json", () => {
    const { stdout } = shell("rank_models", ...workstation, "--limit", "2", "--json");
    expect(JSON.parse(stdout).models).toHaveLength(2);
  });

  it.each([
    [["fit_modle", "qwen3-8b"], 'Did you mean "fit_model"?'],
    [["fit_model", "qwen3-8b", "--hardwear", "rtx-4090"], "Did you mean `hardware`?"],
    [["fit_model"], "`model` is missing"],
    [["rank_models", "qwen3-8b"], '"qwen3-8b" is not understood'],
    [["here", "--usecase", "coding"], '"usecase" is not understood'],
    [["--http", "no-port"], '"no-port" is not a port'],
    [["--help", "fit_modle"], 'Did you mean "fit_model"?'],
  ])("%j is the caller's to fix", (args, message) => {
    const { status, stdout, stderr } = shell(...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it("helps", () => {
    expect(shell("--help").stdout).toContain("pareto_frontier");
    expect(shell("--help", "plan_config").stdout).toContain("--min-context-tokens");
    expect(shell("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("answers for this machine without a terminal, with a configuration that starts the program", () => {
    const { status, stdout, stderr } = shell("here", "--limit", "3");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const configuration = /\{\n {4}"mcpServers"[\s\S]*?\n {2}\}/.exec(stdout)?.[0] ?? "";
    expect(JSON.parse(configuration).mcpServers.modelfit).toEqual({ command: "node", args: [cliPath] });
  });
});
