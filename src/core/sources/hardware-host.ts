/** The host of a described machine: RAM, its bandwidth, cores; stated, from the catalog, or assumed. */
import type { Fact } from "../facts/evidence.ts";
import type { Host } from "../facts/hardware.ts";
import { InputError } from "../facts/input-error.ts";
import type { Bytes } from "../units.ts";
import { formatBandwidth, formatBytes } from "../units-text.ts";
import { idleRam } from "./device-memory.ts";
import { assumedCores, assumedRam, assumedRamBandwidth } from "./hardware-assumptions.ts";
import type { HardwareCatalog, HardwareEntry } from "./hardware-catalog.ts";
import { catalogFact } from "./hardware-device.ts";
import type { PlannedPart } from "./hardware-expression.ts";
import { readBandwidth, readCores } from "./hardware-quantities.ts";

const stated = <T>(value: T): Fact<T> => ({ value, evidence: "reported", source: "hardware expression" });

/** The least that processors of the last ten years have. */
const LEAST_ISA: Readonly<Record<string, readonly string[]>> = { x64: ["avx2"], arm64: ["neon", "dotprod"] };

interface DescribedHost {
  readonly host: Host;
  readonly warnings: readonly string[];
}

/** RAM as stated, as the size of a part that brings its own (`m3-max-64gb`), or assumed. */
function ramOf(
  ramBytes: Bytes | undefined,
  parts: readonly PlannedPart[],
  entries: readonly HardwareEntry[],
): Fact<Bytes> {
  const own = parts.find(
    ({ resolved }) => resolved !== undefined && resolved.entry.kind !== "gpu" && resolved.memoryBytes !== undefined,
  )?.resolved;
  if (ramBytes !== undefined) {
    if (own?.sizeNamed === true && own.memoryBytes !== ramBytes) {
      const sizes = `${formatBytes(own.memoryBytes ?? 0)} in its name and ram=${formatBytes(ramBytes)}`;
      throw new InputError(`${own.entry.id} has two sizes, ${sizes}: its memory is the RAM. Send one of the two.`);
    }
    return stated(ramBytes);
  }
  if (own?.memoryBytes !== undefined) return { value: own.memoryBytes, evidence: "catalog", source: own.entry.source };
  const deviceBytes = parts.reduce((sum, { part, resolved }) => sum + part.count * (resolved?.memoryBytes ?? 0), 0);
  return assumedRam(entries, deviceBytes);
}

/** `ramBytes` is what `ram=` states; `facts` are the host facts of the expression as written. */
export function describedHost(
  facts: ReadonlyMap<string, string>,
  ramBytes: Bytes | undefined,
  parts: readonly PlannedPart[],
  catalog: HardwareCatalog,
): DescribedHost {
  const warnings: string[] = [];
  const entries = parts.flatMap(({ resolved }) => (resolved === undefined ? [] : [resolved.entry]));
  // a processor, or a chip that brings its own, knows the RAM's bandwidth and cores
  const chip = entries.find((entry) => entry.kind === "cpu") ?? entries.find((entry) => entry.kind === "unified");
  const ram = ramOf(ramBytes, parts, entries);
  if (ram.evidence === "assumed")
    warnings.push(`RAM is not given: ${formatBytes(ram.value)} assumed (${ram.source}). Add ram=64GiB.`);

  const bandwidthText = facts.get("ram-bandwidth");
  const known = chip === undefined ? undefined : catalogFact(chip, "bandwidthGBps", chip.bandwidthBytesPerSecond);
  const bandwidth =
    bandwidthText !== undefined
      ? stated(readBandwidth(bandwidthText, "ram-bandwidth"))
      : (known ?? assumedRamBandwidth(catalog, entries));
  if (bandwidth.evidence === "assumed") {
    warnings.push(
      `RAM bandwidth is not given: ${formatBandwidth(bandwidth.value)} assumed (${bandwidth.source}). Add ram-bandwidth=80GBps.`,
    );
  }
  const coresText = facts.get("cores");
  const chipCores = chip === undefined ? undefined : catalogFact(chip, "cpuCoreCount", chip.row.cpuCoreCount);
  const cores = coresText !== undefined ? stated(readCores(coresText)) : (chipCores ?? assumedCores(entries));

  const arch = (chip ?? entries.find((entry) => entry.row.cpuArch !== undefined))?.row.cpuArch ?? "x64";
  const apple = entries.some((entry) => entry.vendor === "Apple");
  return {
    warnings,
    host: {
      os: apple ? "darwin" : "linux",
      arch,
      cpuModel: chip?.name ?? "unknown",
      physicalCoreCount: cores,
      isa: LEAST_ISA[arch] ?? [],
      ramTotalBytes: ram,
      ramAvailableBytes: idleRam(ram.value),
      ramLimitBytes: undefined,
      ramBandwidthBytesPerSecond: bandwidth,
      cpuLoadFraction: undefined,
    },
  };
}
