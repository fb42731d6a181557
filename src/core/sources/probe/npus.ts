/** Neural processors of laptops and boards: listed with what here could use them, which mostly is nothing. */
import type { World } from "../world.ts";
import type { ProbedNpu } from "./result.ts";

/** Kernel drivers of the accel subsystem and others, by name. No llama.cpp backend runs on any of them. */
const DRIVERS: Readonly<Record<string, string>> = {
  intel_vpu: "Intel NPU",
  ivpu: "Intel NPU",
  amdxdna: "AMD XDNA NPU",
  rknpu: "Rockchip NPU",
  rocket: "Rockchip NPU",
  hailo: "Hailo accelerator",
  habanalabs: "Intel Gaudi accelerator",
  qaic: "Qualcomm Cloud AI accelerator",
};

export async function sightNpus(world: World): Promise<readonly ProbedNpu[]> {
  if (world.platform !== "linux") return [];
  const folders = (await world.listDir("/sys/class/accel")).filter(({ name }) => /^accel\d+$/.test(name));
  const drivers = await Promise.all(
    folders.map(
      async ({ name }) =>
        /^DRIVER=(\S+)$/m.exec((await world.readFile(`/sys/class/accel/${name}/device/uevent`, 4096)) ?? "")?.[1],
    ),
  );
  return drivers.flatMap((driver) => {
    const name = DRIVERS[driver ?? ""];
    return name === undefined ? [] : [{ name, usedBy: [] }];
  });
}
