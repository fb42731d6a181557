/** The command lines of plans, whole: what is planned is what is written. */
import { describe, it } from "vitest";
import { plan } from "../../src/library.ts";
import { fakeWorld } from "../fake-world.ts";
import { expectGolden } from "../golden.ts";

const card = (memoryGiB: number) =>
  `custom(memory=${memoryGiB}GiB, bandwidth=900GBps, fp16=140TFLOPS, fp32=35TFLOPS, backend=cuda)`;
const plans = [
  { model: "qwen3-8b:Q4_K_M", hardware: `${card(24)}, ram=64GiB, ram-bandwidth=60GBps, cores=8` },
  {
    model: "qwen3-30b-a3b:Q4_K_M",
    hardware: `${card(12)}, ram=64GiB, ram-bandwidth=60GBps, cores=8`,
    run: "-c 8192 -ub 512 -ctk f16",
  },
  {
    model: "llama-3.3-70b-instruct:Q4_K_M",
    hardware: `2x ${card(24)}, ram=64GiB, ram-bandwidth=60GBps, cores=8`,
    run: "-c 8192 -ub 512",
  },
  {
    model: "qwen3-8b:Q4_K_M",
    hardware: "cpu, ram=32GiB, ram-bandwidth=60GBps, cores=8",
    run: "-c 4096 -t 8 -ub 512 -ctk f16",
  },
];

describe("commands", () => {
  it("are the same words as ever", async () => {
    const lines: string[] = [];
    for (const asked of plans) {
      const answer = await plan(
        { ...asked, engines: ["llama.cpp", "ollama"], detail: "detailed" },
        { world: fakeWorld({}) },
      );
      lines.push(`# ${asked.model} on ${asked.hardware}`);
      for (const { engine, step, command, files, lost } of answer.commands) {
        lines.push(
          `${engine} ${step}: ${command}`,
          ...(files ?? []).map(({ path, text }) => `${path}:\n${text}`),
          ...(lost ?? []).map((item) => `lost: ${item}`),
        );
      }
      lines.push("");
    }
    expectGolden("commands.txt", lines.join("\n"));
  });
});
