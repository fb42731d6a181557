/** Ollama's log of the devices that it found. */
import { type Bytes, GIB, MIB } from "../../units.ts";
import { backendOf } from "./engine-lines.ts";
import { pciAddressOf, type SightedDevice, type Sighting, sighted, vendorOf } from "./sighting.ts";

/** `total="96.0 GiB"`. */
function gibibytes(text: string | undefined): Bytes | undefined {
  const match = /^([\d.]+) (GiB|MiB)$/.exec(text ?? "");
  return match === null ? undefined : Math.round(Number(match[1]) * (match[2] === "GiB" ? GIB : MIB));
}

/**
 * Ollama's "inference compute" records, one a device; a record may be wrapped. Its totals are rounded to 0.1 GiB, and `available`
 * of a chip that shares the RAM is what a container calls free, so it is left out.
 */
export function parseOllamaLog(text: string): Sighting {
  const records = text.split(/(?=inference compute)/).filter((part) => part.startsWith("inference compute"));
  const devices = records.flatMap((record): SightedDevice[] => {
    const field = (name: string): string | undefined =>
      new RegExp(`\\b${name}=(?:"([^"]*)"|(\\S+))`)
        .exec(record)
        ?.slice(1)
        .find((value) => value !== undefined);
    const backend = backendOf(field("library") ?? "ROCm");
    const totalBytes = gibibytes(field("total"));
    if (backend === undefined || /^cpu$/i.test(field("library") ?? "")) return [];
    const unified = field("type") === "iGPU" ? true : field("type") === "discrete" ? false : undefined;
    const compute = field("compute");
    const available = gibibytes(field("available"));
    const description = field("description") ?? "";
    return [
      sighted({
        vendor:
          field("library") === undefined
            ? "other"
            : backend === "cuda"
              ? "NVIDIA"
              : backend === "rocm"
                ? "AMD"
                : backend === "metal"
                  ? "Apple"
                  : vendorOf(description),
        name: description,
        source: "Ollama's log",
        unified,
        pciAddress: pciAddressOf(field("pci_id")),
        gfx: compute?.startsWith("gfx") === true ? compute : undefined,
        computeCapability: /^\d+\.\d+$/.test(compute ?? "") ? compute : undefined,
        engineTotals:
          totalBytes === undefined
            ? []
            : [{ backend, totalBytes, freeBytes: unified === true ? undefined : available }],
      }),
    ];
  });
  return { devices, warnings: [] };
}
