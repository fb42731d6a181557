/** Devices as llama.cpp calls them (`--list-devices`): backend and ordinal. Source: `ggml_backend_dev_name` of each backend, llama.cpp v0.5.0. */
import type { Backend, Device } from "./hardware.ts";

const prefixes: Readonly<Record<Backend, string>> = {
  cuda: "CUDA",
  rocm: "ROCm",
  metal: "MTL",
  vulkan: "Vulkan",
  sycl: "SYCL",
  cann: "CANN",
  musa: "MUSA",
  opencl: "GPUOpenCL",
  rpc: "RPC",
  cpu: "CPU",
};

/** `CUDA0`, `CUDA1`, `RPC0` … in device order. */
export function engineNames(devices: readonly Pick<Device, "backend">[]): string[] {
  const counts = new Map<Backend, number>();
  return devices.map(({ backend }) => {
    const ordinal = counts.get(backend) ?? 0;
    counts.set(backend, ordinal + 1);
    return `${prefixes[backend]}${ordinal}`;
  });
}
