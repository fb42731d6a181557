/** PCI ids of a device, with the revision only where it decides between two rows. */
import type { CollectedDevice } from "../hardware.ts";

const withoutRevision = (pci: string): string => pci.split(":").slice(0, 2).join(":");

/**
 * Ids whose graphics version contradicts the row are dropped: one generic name ("AMD Radeon Graphics") covers parts of many generations,
 * and the collected facts joined on the name.
 */
function ownIds(device: CollectedDevice, gfxOf: (pci: string) => string | undefined): string[] {
  return (device.pci_ids ?? [])
    .map((pci) => pci.replace(/:rev/, ":"))
    .filter((pci) => {
      const gfx = gfxOf(pci);
      return gfx === undefined || device.gfx_arch == null || gfx === device.gfx_arch;
    });
}

export function pciIdsOf(
  device: CollectedDevice,
  all: readonly CollectedDevice[],
  gfxOf: (pci: string) => string | undefined,
): string[] {
  const foreign = new Set(
    all
      .filter((other) => other.id !== device.id)
      .flatMap((other) => ownIds(other, gfxOf))
      .map(withoutRevision),
  );
  return [
    ...new Set(ownIds(device, gfxOf).map((pci) => (foreign.has(withoutRevision(pci)) ? pci : withoutRevision(pci)))),
  ].sort();
}
