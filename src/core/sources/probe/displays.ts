/**
 * Display adapters by name alone, as `systeminformation` lists them. Its memory is left out: a PCI window on Linux, a 32-bit counter on
 * Windows that stops at 4 GiB, gigabytes read as megabytes on old Macs.
 */
import { isIntegratedName, isPretended, type SightedDevice, sighted, vendorOf } from "./sighting.ts";

interface Display {
  readonly vendor: string;
  readonly model: string;
  readonly bus: string;
}

export function namedDisplays(displays: readonly Display[]): SightedDevice[] {
  return displays.flatMap(({ vendor: maker, model, bus }): SightedDevice[] => {
    const vendor = vendorOf(`${maker} ${model}`);
    if (vendor === "other" || isPretended(model)) return [];
    return [sighted({ vendor, name: model, source: "systeminformation", unified: isIntegratedName(model) || (vendor === "Intel" && /built-in/i.test(bus)) ? true : undefined })];
  });
}
