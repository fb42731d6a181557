/**
 * Which device holds what. Devices are indices into `Hardware.devices`; `HOST` is the host.
 * Source of the map: llama-model.cpp:1488-1546 of llama.cpp v0.5.0 (memory.md §2).
 */

export const HOST = -1;

export interface Placement {
  readonly deviceCount: number;
  /** device of every repeating layer, NextN included */
  readonly layerDevices: readonly number[];
  readonly outputDevice: number;
  /** device of a layer's cache or state (`-nkvo` puts all on the host) */
  readonly cacheDevices: readonly number[];
  /** device of a weight that an override moves, undefined where none matches */
  readonly overrideOf: (tensorName: string) => number | undefined;
  /** any override at all switches pipeline copies off (llama-context.cpp:427) */
  readonly hasOverrides: boolean;
  /** what the overrides move where they only count: experts, and dense feed-forward parts, of the first so many layers to the host */
  readonly countedLayers?: { readonly experts: number; readonly denseFfn: number };
}
