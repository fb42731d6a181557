/** The catalog's hardware files as modules, so that a bundle carries them and nothing reads them before they are needed. */

export async function hardwareFiles(): Promise<readonly unknown[]> {
  const files = await Promise.all([
    import("../../../catalog/hardware/accelerators.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/amd-instinct.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/amd-integrated.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/amd-radeon.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/apple.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/boards.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/intel-discrete.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/intel-integrated.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/memory-configurations.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/nvidia-data-center.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/nvidia-geforce.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/nvidia-geforce-laptop.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/nvidia-unified.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/nvidia-workstation.json", { with: { type: "json" } }),
    import("../../../catalog/hardware/processors.json", { with: { type: "json" } }),
  ]);
  return files.map((file) => file.default);
}
