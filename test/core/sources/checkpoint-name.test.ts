import { describe, expect, it } from "vitest";
import { checkpointOfName } from "../../../src/core/sources/checkpoint-name.ts";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { fakeWorld } from "../../fake-world.ts";

describe("checkpointOfName", () => {
  it.each([
    ["mlx-community/Qwen3-8B-4bit", "mlx 4-bit"],
    ["mlx-community/Qwen3.6-35B-A3B-8bit", "mlx 8-bit"],
    ["lmstudio-community/Qwen3-8B-MLX-6bit", "mlx 6-bit"],
    ["Qwen/Qwen3-8B-AWQ", "awq"],
    ["Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", "gptq"],
    ["Qwen/Qwen3-8B-FP8", "fp8"],
    ["nvidia/Qwen3-8B-NVFP4", "nvfp4"],
    ["unsloth/Qwen3-8B-bnb-4bit", "bitsandbytes 4-bit"],
    ["Qwen/Qwen3-8B", undefined],
    ["mlx-community/Qwen3.6-35B-A3B-bf16", undefined],
  ])("%s → %s", (repo, name) => {
    expect(checkpointOfName(repo)?.name).toBe(name);
  });

  it("weighs GPTQ by its bits", () => {
    const bytes = (repo: string): number => checkpointOfName(repo)?.matrixBytes(4096, 4096) ?? 0;
    expect(bytes("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8") / bytes("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4")).toBeGreaterThan(
      1.8,
    );
  });

  it("goes with the catalog's MLX and quantized repositories", async () => {
    expect((await resolveModel("mlx-community/Qwen3-8B-4bit", fakeWorld({}))).checkpoint?.name).toBe("mlx 4-bit");
    const { models } = await loadModelCatalog();
    const mlx = models.flatMap((entry) => entry.mlxRepos ?? []);
    expect(mlx.filter((repo) => checkpointOfName(repo) !== undefined).length / mlx.length).toBeGreaterThan(0.6);
  });
});
