/** Huawei's `npu-smi info`: two lines a chip; a card of two chips prints its number twice. */
import { MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { pciAddressOf, type SightedDevice, type Sighting, sighted } from "./sighting.ts";
import { ask } from "./tools.ts";

/** Every chip with its memory; HBM is the second pair of figures, DDR the first on chips without HBM. */
export function parseNpuSmi(text: string): SightedDevice[] {
  const devices: SightedDevice[] = [];
  let name = "";
  // a card whose chips are numbered on the board (Phy-ID) is one with several of them
  const paired = /Phy-ID/.test(text);
  for (const line of text.split("\n")) {
    const card = /^\|\s*\d+\s+([A-Za-z0-9][\w-]*)\s*\|\s*(?:OK|Warning|Alarm|Critical|UNKNOWN)\s*\|/.exec(line);
    if (card !== null) {
      name = card[1] ?? "";
      continue;
    }
    const pairs = [...line.matchAll(/(\d+)\s*\/\s*(\d+)/g)];
    const chip = /^\|\s*\d+(?:\s+\d+)?\s*\|\s*([\w:.]+)\s*\|/.exec(line);
    const memory = pairs.filter((pair) => Number(pair[2]) > 0).at(-1);
    if (chip === null || name === "" || memory === undefined) continue;
    const full = `Ascend ${name.replace(/^Ascend/i, "").replace(/-\d+$/, "")}`
      .replace(/^Ascend (910)$/, paired ? "Ascend 910C" : "Ascend 910B")
      .replace(/^(Ascend 910B)\d$/, "$1");
    const total = Number(memory[2]) * MIB;
    devices.push(
      sighted({
        vendor: "Huawei",
        name: `Huawei ${full}`,
        source: "npu-smi",
        pciAddress: pciAddressOf(chip[1]),
        totalBytes: total,
        freeBytes: Math.max(0, total - Number(memory[1]) * MIB),
        unified: false,
      }),
    );
  }
  return devices;
}

export async function sightAscend(world: World, signal?: AbortSignal): Promise<Sighting> {
  if (world.platform !== "linux") return { devices: [], warnings: [] };
  const result = await ask(world, "npu-smi", ["info"], { timeoutMs: 5000, signal });
  if (result.outcome === "not-found") return { devices: [], warnings: [] };
  if (result.outcome === "timed-out")
    return {
      devices: [],
      warnings: ["npu-smi did not answer within 5 s; Ascend accelerators are not known."],
      tools: [{ name: "npu-smi", status: "hung" }],
    };
  return {
    devices: parseNpuSmi(result.stdout),
    warnings: [],
    tools: [{ name: "npu-smi", status: result.exitCode === 0 ? "answered" : "failed" }],
  };
}
