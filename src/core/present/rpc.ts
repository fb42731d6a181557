/** A plan over several machines: llama.cpp's RPC servers and the head that uses them, and vLLM over Ray. Each command names its host. */
import type { Candidate } from "../decide/candidate.ts";
import { engineNames } from "../facts/engine-names.ts";
import type { Network } from "../facts/hardware.ts";
import type { Run } from "../facts/run.ts";
import { type Artefact, type Command, plainName, step } from "./command.ts";
import { shellCommand } from "./shell.ts";

export const RPC_PORT = 50052;
const RAY_PORT = 6379;

/** Names of the devices on the head's command line, and of their buffers: RPC buffers are numbered within their server (ggml-rpc.cpp:1085). */
export function rpcNames(
  { devices }: Candidate["hardware"],
  network: Network,
): { readonly devices: readonly string[]; readonly buffers: readonly string[] } {
  const local = engineNames(devices.filter((_, index) => (network.hostOf[index] ?? 0) === 0));
  const perHost = new Map<number, number>();
  let remote = 0;
  let own = 0;
  const rows = devices.map((_, index) => {
    const host = network.hostOf[index] ?? 0;
    if (host === 0) {
      const name = local[own++] ?? "CPU";
      return { device: name, buffer: name };
    }
    const within = perHost.get(host) ?? 0;
    perHost.set(host, within + 1);
    const address = network.addresses[host - 1] ?? "";
    return { device: `RPC${remote++}`, buffer: `RPC${within}[${address}:${RPC_PORT}]` };
  });
  return { devices: rows.map(({ device }) => device), buffers: rows.map(({ buffer }) => buffer) };
}

/** The run with its overrides in the head's words. */
export function rpcRun(run: Run, candidate: Candidate, network: Network): Run {
  const planned = engineNames(candidate.hardware.devices);
  const { buffers } = rpcNames(candidate.hardware, network);
  return {
    ...run,
    overrides: run.overrides.map(({ pattern, buffer }) => ({
      pattern,
      buffer: buffers[planned.indexOf(buffer)] ?? buffer,
    })),
  };
}

/** Flags of the head that come before all that name devices. */
export function rpcFlags({ hardware }: Candidate, network: Network): string[] {
  const servers = network.addresses.map((address) => `${address}:${RPC_PORT}`);
  return ["--rpc", servers.join(","), "-dev", rpcNames(hardware, network).devices.join(",")];
}

/** One server on every further machine, started before the head. */
export function rpcServers(network: Network): Command[] {
  return network.addresses.map((host): Command => {
    const argv = ["ggml-rpc-server", "-H", "0.0.0.0", "-p", String(RPC_PORT), "-c"];
    return {
      engine: "llama.cpp",
      host,
      step: "serve",
      argv,
      command: shellCommand(argv),
      note: "no authentication: trusted networks only; the same llama.cpp version on every machine",
    };
  });
}

/** vLLM over machines that share alike: a Ray cluster, then one server; layers are split over machines, matrices over the cards of one. */
export function vllmHosts(candidate: Candidate, artefact: Artefact): Command[] {
  const { hardware, run } = candidate;
  const { network } = hardware;
  if (!network || artefact.weightsRepo === undefined || !hardware.devices.every(({ backend }) => backend === "cuda"))
    return [];
  const perHost = [0, ...network.addresses.map((_, index) => index + 1)].map(
    (host) => network.hostOf.filter((of) => of === host).length,
  );
  const tensorParallel = Math.min(...perHost);
  if (tensorParallel === 0) return [];
  const join = ["ray", "start", `--address=HEAD:${RAY_PORT}`];
  const serve = ["vllm", "serve", artefact.weightsRepo, "--host", "127.0.0.1", "--port", "8000"];
  serve.push("--max-model-len", String(Math.ceil(run.contextTokens / run.sequences)));
  serve.push("--max-num-seqs", String(run.sequences), "--tensor-parallel-size", String(tensorParallel));
  serve.push("--pipeline-parallel-size", String(perHost.length), "--distributed-executor-backend", "ray");
  serve.push("--served-model-name", plainName(artefact.name));
  return [
    step("vllm", "create", ["ray", "start", "--head", `--port=${RAY_PORT}`], artefact),
    ...network.addresses.map((host) =>
      step("vllm", "create", join, artefact, { host, note: "HEAD is this machine's address as the others see it" }),
    ),
    step("vllm", "serve", serve, artefact, {
      lost: [
        "the exact split: vLLM cuts layers evenly over machines",
        "a template: its memory is not computed over machines",
      ],
    }),
  ];
}
