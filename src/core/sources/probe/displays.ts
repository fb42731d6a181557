/**
 * Display adapters by name, as `systeminformation` lists them. Its memory is a PCI window on Linux and a 32-bit counter on Windows that
 * stops at 4 GiB: left out. On a Mac it is the card's, but old releases read gigabytes as megabytes.
 */
import { GIB, MIB } from "../../units.ts";
import { isIntegratedName, isPretended, type SightedDevice, sighted, vendorOf } from "./sighting.ts";

interface Display {
  readonly vendor: string;
  readonly model: string;
  readonly bus: string;
  /** MiB */
  readonly vram?: number | undefined;
  readonly vramDynamic?: boolean | undefined;
}

/** No card has less than 128 MiB: such a number counts GiB. */
function cardMemory({ vram, vramDynamic }: Display): number | undefined {
  if (vram === undefined || vramDynamic === true || !Number.isSafeInteger(vram) || vram <= 0) return undefined;
  return vram < 128 ? vram * GIB : vram * MIB;
}

export function namedDisplays(displays: readonly Display[], platform: string): SightedDevice[] {
  return displays.flatMap((display): SightedDevice[] => {
    const { vendor: maker, model, bus } = display;
    const vendor = vendorOf(`${maker} ${model}`);
    if (vendor === "other" || isPretended(model)) return [];
    const unified = isIntegratedName(model) || (vendor === "Intel" && /built-in/i.test(bus)) ? true : undefined;
    return [
      sighted({
        vendor,
        name: model,
        source: "systeminformation",
        unified,
        totalBytes: platform === "darwin" && unified === undefined ? cardMemory(display) : undefined,
      }),
    ];
  });
}
