/** Short ids as people write them: `rtx-4090`, `h100-sxm`, `m3-max-40c`. */
import type { CollectedDevice } from "../hardware.ts";

/** Names that no rule makes short and clear. */
const byHand: Readonly<Record<string, string>> = {
  "nvidia-h100-80gb-hbm3": "h100-sxm",
  "nvidia-h800": "h800-sxm",
  "nvidia-h200": "h200-sxm",
  "nvidia-a100-pcie-40gb": "a100-pcie-40gb",
  "nvidia-a100-80gb-pcie": "a100-pcie-80gb",
  "nvidia-a100-sxm4-40gb": "a100-sxm-40gb",
  "nvidia-a100-sxm4-80gb": "a100-sxm-80gb",
  "nvidia-a800-80gb-pcie": "a800-pcie-80gb",
  "nvidia-a800-sxm4-80gb": "a800-sxm-80gb",
  "nvidia-rtx-pro-6000-blackwell-workstation-edition": "rtx-pro-6000",
  "nvidia-rtx-pro-6000-blackwell-max-q-workstation-edition": "rtx-pro-6000-max-q",
  "nvidia-rtx-pro-6000-blackwell-server-edition": "rtx-pro-6000-server",
  "nvidia-rtx-pro-4500-blackwell-server-edition": "rtx-pro-4500-server",
  "nvidia-rtx-pro-4000-blackwell-sff-edition": "rtx-pro-4000-sff",
  "nvidia-rtx-pro-5000-72gb-blackwell": "rtx-pro-5000-72gb",
  "amd-radeon-graphics-raphael-granite-ridge": "radeon-graphics-raphael",
  "amd-radeon-graphics-cezanne-renoir-lucienne-barcelo": "radeon-graphics-cezanne",
  "amd-radeon-vega-8-10-11-raven-picasso": "radeon-vega-raven",
  "amd-custom-gpu-0405-steam-deck-lcd": "steam-deck-lcd",
  "amd-custom-gpu-0932-steam-deck-oled": "steam-deck-oled",
  "nvidia-jetson-agx-thor-t5000": "jetson-agx-thor",
};

export function shortId(device: CollectedDevice): string {
  const named = byHand[device.id];
  if (named !== undefined) return named;
  if (device.vendor === "Apple" && device.class === "soc_unified") return appleId(device.id);
  return device.id
    .replace(/^nvidia-(?!titan|grace|cmp)/, "")
    .replace(/^(amd|intel)-/, "")
    .replace(/^nvidia-/, "")
    .replace(/^geforce-/, "")
    .replace(/^tesla-(?!m\d)/, "")
    .replace(/^instinct-/, "")
    .replace(/^radeon-(?=rx-)/, "")
    .replace(/-blackwell(-generation)?(?=-|$)/, "")
    .replace(/-ada-generation/, "-ada")
    .replace(/-with-max-q-design/, "-max-q")
    .replace(/-gpu$/, "")
    .replace(/^(v100s?|p100)-pcie-/, "$1-pcie-");
}

/** `apple-m3-max-40-core-gpu` → `m3-max-40c`; `apple-m6-16gb` stays apart from the memory suffix of an expression. */
function appleId(id: string): string {
  return id
    .replace(/^apple-/, "")
    .replace(/-(\d+)-core-gpu$/, "-$1c")
    .replace(/^m6-16gb$/, "m6-base")
    .replace(/^m6-24-32gb$/, "m6-fast-memory");
}
