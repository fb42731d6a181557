/**
 * One model over several machines: the devices of the others joined to ours, and what their network costs. llama.cpp's head sends a layer's
 * hidden state to a remote device and reads it back (ggml-rpc.cpp, v0.5.0): two crossings a token for every remote device in use.
 */

import type { Hardware, Network } from "../facts/hardware.ts";
import { totalBytes } from "../facts/memory.ts";
import type { Speed } from "../facts/speed.ts";
import type { Bytes, Interval, Seconds } from "../units.ts";
import { type Candidate, felt, usabilityOf } from "./candidate.ts";

export interface RemoteHost {
  /** where the head reaches it */
  readonly address: string;
  readonly hardware: Hardware;
}

/**
 * Remote devices come first, as llama.cpp orders them: the output layer then stays here, and no row of logits crosses the network.
 */
export function joinHosts(local: Hardware, remotes: readonly RemoteHost[], link: Network["link"]): Hardware {
  const lent = remotes.flatMap(({ hardware, address }, host) => {
    const devices = hardware.devices.map((device) => ({ ...device, kind: "gpu" as const }));
    return devices.map((device) => ({ device, host: host + 1, address }));
  });
  return {
    ...local,
    name: [local.name, ...remotes.map(({ hardware }) => hardware.name)].join(" + "),
    devices: [...lent.map(({ device }) => device), ...local.devices],
    warnings: [...local.warnings, ...remotes.flatMap(({ hardware }) => hardware.warnings)],
    network: {
      link,
      addresses: remotes.map(({ address }) => address),
      hostOf: [...lent.map(({ host }) => host), ...local.devices.map(() => 0)],
    },
  };
}

/** What one token sends over the network at a remote device, both ways. */
export interface Cut {
  readonly address: string;
  readonly device: number;
  readonly bytesPerToken: Bytes;
}

const F32_BYTES = 4;
/** one request that waits for its answer and one that carries data, each a crossing there and back */
const ROUND_TRIPS = 2;

/** The remote devices that hold layers or the output. */
export function cutsOf({ hardware, memory, model }: Candidate): Cut[] {
  const { network } = hardware;
  if (!network) return [];
  const { placement } = memory;
  return hardware.devices.flatMap((_, device) => {
    const host = network.hostOf[device] ?? 0;
    const address = network.addresses[host - 1];
    const works = placement.layerDevices.includes(device) || placement.outputDevice === device;
    if (address === undefined || !works) return [];
    const { embeddingLength, vocabularyCount } = model.hyper;
    const back = placement.outputDevice === device ? vocabularyCount : embeddingLength;
    return [{ address, device, bytesPerToken: (embeddingLength + back) * F32_BYTES }];
  });
}

function slower(rate: Interval, extraSeconds: Seconds): Interval {
  const at = (value: number): number => (value > 0 ? 1 / (1 / value + extraSeconds) : 0);
  return { low: at(rate.low), mid: at(rate.mid), high: at(rate.high) };
}

function later(time: Interval, extraSeconds: Seconds): Interval {
  return { low: time.low + extraSeconds, mid: time.mid + extraSeconds, high: time.high + extraSeconds };
}

/** The candidate with the network in its speed; as it is where nothing crosses one. */
export function overNetwork(candidate: Candidate): Candidate {
  const { speed, hardware, run, question, model } = candidate;
  const cuts = cutsOf(candidate);
  const { network } = hardware;
  if (!speed || !network || cuts.length === 0) return candidate;
  const { bytesPerSecond, latencySeconds } = network.link;
  const sent = cuts.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0) / bytesPerSecond;
  const waits = cuts.length * ROUND_TRIPS * latencySeconds;
  const perPromptToken = sent + waits / Math.max(1, Math.min(run.ubatchTokens, question.promptTokens));
  const remoteBytes = cuts.reduce((sum, { device }) => {
    const use = candidate.memory.devices[device];
    return sum + (use ? totalBytes(use) - use.computeBytes - use.contextBytes : 0);
  }, 0);
  const decodeTokensPerSecond = slower(speed.decodeTokensPerSecond, sent + waits);
  const networked: Speed = {
    ...speed,
    decodeTokensPerSecond,
    prefillTokensPerSecond: slower(speed.prefillTokensPerSecond, perPromptToken),
    timeToFirstTokenSeconds: later(speed.timeToFirstTokenSeconds, perPromptToken * question.promptTokens),
    warmTurnSeconds: later(speed.warmTurnSeconds, perPromptToken * 128 + waits),
    loadSeconds: later(speed.loadSeconds, remoteBytes / bytesPerSecond),
    bound: sent + waits > 0.5 / decodeTokensPerSecond.mid ? "link" : speed.bound,
  };
  return {
    ...candidate,
    speed: networked,
    usability: usabilityOf(candidate.fits, networked, felt(networked, question, model.hyper.causal) ?? 0),
  };
}
